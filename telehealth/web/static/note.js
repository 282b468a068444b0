// The note: saved while it is typed, never overwritten unseen, signed in one stroke.

import { Refused, call } from "./api.js";
import { putPhrases } from "./phrases.js";
import { keepPreview } from "./preview.js";
import { announce, t, timeOf } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const PAUSE = 800;
const LONGEST = 15_000;
const UNFIT = [400, 413, 422]; // the same text would be refused again

/**
 * Brings the note form to life. onChanged() after a signature, or when an amendment was begun or given up.
 * Returns flush(): Promise<boolean>, saved or not; follow(form): the same form as the server draws it now;
 * amend(relation), retract(signed, reason), withdraw(): Promise, throws Refused.
 */
export function keepNote({ visitId, onChanged }) {
  const form = $("note");
  const text = $("content");
  const path = `/v1/visits/${visitId}/note`;
  let version = form.elements.version.value;
  let saved = text.value;
  let timer = 0;
  let wait = 1000;
  let saving = null;
  let conflict = null; // {content, version} of the other text
  const open = () => !text.readOnly;
  const preview = keepPreview(text, sendable);
  const stamp = (words) => {
    if ($("stamp").textContent !== words) $("stamp").textContent = words;
  };

  async function put() {
    const content = text.value;
    const { body, etag } = await call("PUT", path, { content: sendable(content) }, { "If-Match": quoted(version) });
    version = unquoted(etag) || String(body.version ?? version);
    saved = content;
    wait = 1000;
    stamp(t("Saved at {time}", { time: timeOf(new Date()) }));
  }

  async function save() {
    clearTimeout(timer);
    if (!open() || conflict) return false;
    if (saving) await saving;
    if (text.value === saved) return true;
    saving = put().then(
      () => true,
      (error) => failed(error),
    );
    const done = await saving;
    saving = null;
    if (done && text.value !== saved) plan(PAUSE);
    return done;
  }

  function plan(delay) {
    clearTimeout(timer);
    timer = setTimeout(save, delay);
  }

  async function failed(error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 412) await differ();
    else if (error.status === 401 || error.status === 403) {
      stamp(t("Not saved: you are signed out. Your text stays here. Sign in in another tab; saving goes on by itself."));
    } else if (error.status === 409) stamp(t("Not saved: the note is already signed."));
    else if (UNFIT.includes(error.status)) stamp(t("Not saved: {why}", { why: error.problem.title || error.status }));
    else stamp(t("Not saved yet: no connection. Keep typing; we keep trying."));
    if (error.status !== 412 && error.status !== 409 && !UNFIT.includes(error.status)) {
      plan(wait);
      wait = Math.min(wait * 2, LONGEST);
    }
    return false;
  }

  async function differ() {
    const { body, etag } = await call("GET", path).catch(() => ({ body: null, etag: null }));
    if (!body) return void plan(wait);
    conflict = { content: body.content, version: unquoted(etag) || String(body.version) };
    if (conflict.content === text.value) return settle(text.value);
    $("mine").value = text.value;
    $("theirs").value = conflict.content;
    $("conflict").hidden = false;
    $("conflict").focus();
    stamp(t("Not saved: the note was also changed elsewhere."));
    return undefined;
  }

  function settle(content) {
    version = conflict.version;
    saved = conflict.content;
    conflict = null;
    $("conflict").hidden = true;
    text.value = content;
    preview();
    text.focus();
    save();
  }

  async function sign() {
    if (!open()) return;
    $("sign").disabled = true;
    if (version === "0") saved = null; // what a template began is saved before it is signed, untouched too
    try {
      if (!(await save())) return;
      await call("POST", `${path}/sign`, {}, { "If-Match": quoted(version) });
      close();
      stamp(t("Signed at {time}", { time: timeOf(new Date()) }));
      announce(t("The note is signed."));
      onChanged();
    } catch (error) {
      if (error.status === 412) await differ();
      else stamp(error.problem?.title ? t("Not signed: {why}", { why: error.problem.detail || error.problem.title }) : t("Not signed: no connection. Try again."));
    } finally {
      $("sign").disabled = false;
    }
  }

  function close() {
    text.readOnly = true;
    $("signing").hidden = $("draft").hidden = true;
  }

  function begin(content, fresh) {
    text.value = saved = content;
    preview();
    version = fresh;
    text.readOnly = false;
    $("signing").hidden = $("draft").hidden = $("discard").hidden = false;
    stamp("");
  }

  // A signed note is changed by an order of its own; what comes back is the note as it is then.
  async function order(step, body) {
    const { body: note, etag } = await call("POST", `${path}/${step}`, body, { "If-Match": quoted(version) });
    const fresh = unquoted(etag) || String(note.version);
    if (note.state === "draft") {
      begin(note.content, fresh);
      text.focus();
    } else {
      version = fresh;
      text.value = saved = note.content;
      close();
    }
    onChanged();
  }

  async function discard() {
    if (!open() || (text.value.trim() && !confirm(t("Give up what you wrote since you signed?")))) return;
    try {
      if (await save()) await order("discard", {});
    } catch (error) {
      if (error.status === 412) await differ();
      else stamp(t("That did not work. Please try again."));
    }
  }

  // Another tab began or ended an amendment. What is typed here and not saved yet is never put away.
  function follow(form) {
    const theirs = form.elements.namedItem("version").value;
    const drafted = form.dataset.state === "draft";
    if (drafted && !open() && Number(theirs) > Number(version)) begin(form.elements.namedItem("content").value, theirs);
    if (!drafted && open() && !conflict && text.value === saved && Number(theirs) >= Number(version)) {
      version = theirs;
      close();
    }
  }

  text.addEventListener("input", () => {
    if (conflict) $("mine").value = text.value;
    else plan(PAUSE);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter?.id === "sign") sign();
    else if (event.submitter?.id === "discard") discard();
    else save();
  });
  putPhrases(text);
  addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && open()) {
      event.preventDefault();
      sign();
    }
  });
  addEventListener("online", save);
  addEventListener("focus", () => text.value !== saved && save());
  addEventListener("beforeunload", (event) => {
    if (open() && text.value !== saved) event.preventDefault();
  });
  $("keep-mine").addEventListener("click", () => settle(text.value));
  $("keep-theirs").addEventListener("click", () => settle(conflict.content));
  $("keep-both").addEventListener("click", () => settle(`${conflict.content}\n\n${text.value}`));
  return {
    flush: save,
    follow,
    amend: (relation) => order("amend", { relation: relation === "anew" ? null : relation }),
    withdraw: () => order("withdraw", {}),
    retract: (signed, reason) => order("retract", { version: signed, reason }),
  };
}

// JSON of the server's has neither NUL nor half characters; nobody types them, some programs paste them.
const sendable = (content) => content.replace(/\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "");
const quoted = (version) => `"${version}"`;
const unquoted = (etag) => (etag || "").replace(/^W\/|"/g, "");

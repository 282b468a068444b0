// The questions before a visit: those that apply are shown, answers are saved while they are typed and lost never.

import { Refused, call } from "./api.js";
import { coalesced, listen } from "./stream.js";
import { announce, numberOf, t, timeOf } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const root = $("prepare");
const api = `/v1/visits/${root.dataset.visit}`;
const form = $("intake");
const PAUSE = 800;
const LONGEST = 15_000;
const NUMBERS = ["integer", "decimal"];

// Whatever staff do with the visit is shown by its own page.
listen(
  `${api}/stream`,
  coalesced(async () => {
    try {
      const { body } = await call("GET", `${api}/join`);
      if (body.elsewhere) return void location.reload();
      if (!["requested", "booked", "arrived", "ready"].includes(body.status)) location.assign("/visit");
    } catch (error) {
      if (error.status === 401 || error.status === 404) location.reload();
    }
  }),
);

if (form) keep();

function keep() {
  const kept = `answers:${root.dataset.visit}`; // on this device, only while the server has not got them
  const fields = [...form.querySelectorAll("[data-link]")];
  const questions = fields.filter(({ dataset }) => !["group", "display"].includes(dataset.kind));
  const completed = "completed" in form.dataset;
  const served = answers(asServed);
  let revision = Number(form.elements.revision.value);
  let saved = JSON.stringify(served);
  let timer = 0;
  let wait = 1000;
  let saving = null;
  let conflict = null;
  let unread = false;
  let lost = null; // a draft of which nobody knows whether it arrived
  let owed = false; // the patient has sent them, and the server has not got them yet

  function value({ dataset }) {
    const input = form.elements[`a.${dataset.link}`];
    return input.type === "radio" && !input.checked ? "" : (input.value || "").trim();
  }

  /** What the page came with, whatever has been typed since. */
  function asServed({ dataset }) {
    const named = form.elements[`a.${dataset.link}`];
    if (named instanceof RadioNodeList) return [...named].find((each) => each.defaultChecked)?.value ?? "";
    if (named.options) return [...named.options].find((each) => each.defaultSelected)?.value ?? "";
    return named.type === "radio" ? (named.defaultChecked ? named.value : "") : named.defaultValue.trim();
  }

  function answers(read = value) {
    return Object.fromEntries(questions.map((each) => [each.dataset.link, read(each)]).filter(([, text]) => text));
  }

  function fill(found) {
    for (const { dataset } of questions) form.elements[`a.${dataset.link}`].value = found[dataset.link] ?? "";
  }

  /** What hangs on an earlier answer is shown when that answer is given, and itself applies. */
  function show() {
    const given = {};
    for (const each of fields) {
      const applies = !each.parentElement.closest("[data-link][hidden]") && holds(each, given);
      each.hidden = !applies;
      if (applies && questions.includes(each) && value(each)) given[each.dataset.link] = [value(each), each.dataset.kind];
    }
  }

  function holds({ dataset }, given) {
    if (!dataset.when) return true;
    const { any, of } = JSON.parse(dataset.when);
    const met = of.map(([question, wanted]) => {
      const [answer, kind] = given[question] ?? [];
      if (typeof wanted === "boolean") return (answer !== undefined) === wanted;
      return NUMBERS.includes(kind) ? numberOf(answer) === Number(wanted) : answer === wanted;
    });
    return any ? met.some(Boolean) : met.every(Boolean);
  }

  async function put(complete) {
    const given = answers();
    // It is sent again before what was typed since, which would be a conflict with it.
    if (lost && JSON.stringify(lost) !== JSON.stringify(given)) await send(lost, false);
    const body = await send(given, complete);
    saved = JSON.stringify(given);
    wait = 1000;
    // What could not be read is not there yet, nor what was typed meanwhile.
    unread = body.problems.length > 0;
    if (saved === JSON.stringify(answers()) && !unread) forget();
    else remember();
    stamp(t("Saved at {time}", { time: timeOf(new Date()) }));
  }

  async function send(given, complete) {
    const whole = { answers: given, complete };
    const answered = call("PUT", `${api}/intake`, whole, { "If-Match": `"${revision}"` });
    const { body } = await answered.catch((error) => {
      lost = error.status === 0 && !complete ? given : null;
      throw error;
    });
    lost = null;
    revision = body.revision;
    form.elements.revision.value = revision;
    return body;
  }

  /** What is sent is sent one after the other, also when somebody presses while the page sends by itself. */
  function alone(sent) {
    saving = sent.finally(() => (saving = null));
    return saving;
  }

  async function save() {
    clearTimeout(timer);
    if (conflict || completed) return;
    while (saving) await saving.catch(() => null);
    if (JSON.stringify(answers()) === saved) return void (unread || forget());
    await alone(put(false).catch(failed));
    if (JSON.stringify(answers()) !== saved && !conflict) plan(PAUSE);
  }

  function plan(delay, run = () => void save()) {
    clearTimeout(timer);
    timer = setTimeout(run, delay);
  }

  async function failed(error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 412) return differ();
    if (error.status === 401 || error.status === 404) return location.reload();
    if (error.status === 409) return location.assign("/visit");
    stamp(owed ? t("Not sent yet: no connection. Keep this page open; it is sent by itself.") : t("Not saved yet: no connection. Keep typing; we keep trying."));
    wait = Math.min(wait * 2, LONGEST);
    return plan(wait, again);
  }

  async function differ() {
    const { body } = await call("GET", `${api}/intake`).catch(() => ({ body: null }));
    if (!body) return void plan(wait, again);
    const theirs = Object.fromEntries(Object.entries(body.answers).map(([link, each]) => [link, String(each)]));
    conflict = { theirs, revision: body.revision };
    if (same(theirs, answers())) return settle(); // it had arrived, and the answer was lost
    owed = false;
    $("conflict").hidden = false;
    return $("conflict").focus();
  }

  function same(one, other) {
    return questions.every(({ dataset }) => (one[dataset.link] ?? "") === (other[dataset.link] ?? ""));
  }

  function settle() {
    revision = conflict.revision;
    form.elements.revision.value = revision;
    conflict = null;
    $("conflict").hidden = true;
    show();
    if (owed) finish();
    else if (!completed) save();
  }

  const again = () => void (owed && !conflict ? finish() : save());

  /** What the page sends again by itself neither takes the focus nor is told over and over. */
  async function finish(pressed = false) {
    clearTimeout(timer);
    owed = true;
    if (pressed) $("done").disabled = true;
    try {
      while (saving) await saving.catch(() => null);
      await alone(put(true));
      forget();
      location.assign("/visit");
    } catch (error) {
      if (error.status === 422 && error.problem.answers) {
        owed = false;
        blame(error.problem.answers);
      } else await failed(error);
      if (pressed && error.status === 0) announce($("stamp").textContent);
    } finally {
      $("done").disabled = false;
    }
  }

  function blame(problems) {
    const words = {
      required: t("Fill this in"),
      invalid: t("Check what you entered here"),
      range: t("This is too low or too high"),
    };
    const found = Object.fromEntries(problems.map(({ link_id: link, problem }) => [link, words[problem]]));
    for (const each of questions) {
      const why = found[each.dataset.link];
      const said = each.querySelector(".wrong-text");
      each.classList.toggle("wrong", Boolean(why));
      said.textContent = why ?? "";
      said.hidden = !why;
      for (const input of each.querySelectorAll("input, select, textarea")) {
        input.toggleAttribute("aria-invalid", false);
        if (why) input.setAttribute("aria-invalid", "true");
        const range = each.querySelector(`[id="${input.name}-range"]`);
        if (why) input.setAttribute("aria-describedby", [range?.id, said.id].filter(Boolean).join(" "));
      }
    }
    form.querySelector(".wrong :is(input, select, textarea)")?.focus();
  }

  function stamp(text) {
    if ($("stamp").textContent !== text) $("stamp").textContent = text;
  }

  function remember() {
    try {
      localStorage.setItem(kept, JSON.stringify({ revision, answers: answers() }));
    } catch {
      // no room, or forbidden: the server keeps them
    }
  }

  function forget() {
    try {
      localStorage.removeItem(kept);
    } catch {
      // forbidden: nothing was kept either
    }
  }

  function recall() {
    try {
      return JSON.parse(localStorage.getItem(kept) ?? "null");
    } catch {
      return null;
    }
  }

  form.addEventListener("input", () => {
    show();
    remember();
    if (owed && completed) stamp(t("Not sent yet. Press “Save changes” when you are done."));
    owed = false; // whoever writes on sends it again
    if (!conflict && !completed) plan(PAUSE);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!conflict) finish(true);
  });
  $("keep-mine").addEventListener("click", settle);
  $("keep-theirs").addEventListener("click", () => (fill(conflict.theirs), settle()));
  addEventListener("online", again);

  // On a slow network people type before this runs: that is newer than what an earlier page left behind.
  const draft = recall();
  const here = answers();
  const early = questions.map(({ dataset }) => dataset.link).filter((link) => here[link] !== served[link]);
  if (draft) fill({ ...draft.answers, ...Object.fromEntries(early.map((link) => [link, here[link]])) });
  if (same(answers(), served)) forget();
  else {
    if (draft) revision = draft.revision; // the server says whether it has that, or other answers since
    remember();
    if (completed) stamp(t("Not sent yet. Press “Save changes” when you are done."));
    else plan(0);
  }
  show();
}

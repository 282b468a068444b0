// The clinician's room: the call follows the visit, the page follows the server, the note keeps itself.

import { call, reread } from "./api.js";
import { company } from "./company.js";
import { equipment } from "./equipment.js";
import { keepNote } from "./note.js";
import { coalesced, listen } from "./stream.js";
import { talk } from "./talk.js";
import { sendInPieces } from "./upload.js";
import { announce, minutes, t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const strip = $("strip");
const visitId = strip.dataset.visit;
const api = `/v1/visits/${visitId}`;
const LIVE = ["admitting", "in_progress", "interrupted"];
let away = false;
let standing = $("connecting").textContent; // how the visit is, where the picture will be

const conversation = talk({
  visitId,
  host: true,
  nameOf,
  onRoom({ peers }) {
    $("company").hidden = peers.length === 0;
    others(peers);
  },
  onTrouble: left,
  onEnd: (words) => (words && left(words), refresh()),
});
const note = keepNote({ visitId, onChanged: () => refresh() });

const others = company({
  list: $("peers"),
  nameOf,
  order: (command, participant) => conversation.order(command, participant),
  onRefused: notice,
});

function nameOf({ participant, role }) {
  if (role === "patient") return strip.querySelector("h1").textContent;
  return $(`participant-${participant}`)?.querySelector("bdi").textContent ?? "";
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

// Back only by a press: the devices are not to be had, or another window has the call.
function left(words) {
  notice(words);
  away = true;
  keys(false);
}

function keys(talking) {
  for (const id of ["mute", "camera", "device-key", "chat-key", "leave"]) $(id).hidden = !talking;
  if (!talking) $("share").hidden = $("company").hidden = true;
  $("back").hidden = talking;
  stand();
}

function stand() {
  const out = away && LIVE.includes(strip.dataset.status);
  $("connecting").textContent = out ? t("You are not in the call") : standing;
}

function follow() {
  const live = LIVE.includes(strip.dataset.status);
  stand();
  $("keys").hidden = !live;
  if (!live) {
    if (conversation.running()) conversation.stop();
    $("near").hidden = $("company").hidden = true;
    return;
  }
  if (away || conversation.running()) return;
  keys(true);
  notice("");
  conversation.start();
}

const refresh = coalesced(async () => {
  const page = await reread(() => notice(t("You are signed out. Sign in in another tab; your note stays here.")));
  const next = page?.getElementById("strip");
  if (!next) return;
  for (const id of ["state", "record", "versions", "becoming", "unfinished", "before", "tasks", "participants", "files"]) exchange($(id), page.getElementById(id));
  note.follow(page.getElementById("note"));
  hear(page);
  offerToFinish(!page.getElementById("finish").hidden);
  if (next.dataset.status !== strip.dataset.status) {
    strip.dataset.status = next.dataset.status;
    standing = page.getElementById("connecting").textContent;
    announce($("state").querySelector(".tag").textContent);
  }
  follow();
});

// The question stays open while the page is reread. Once it is moot, who was at it goes on with the note.
function offerToFinish(possible) {
  const now = document.activeElement;
  const there = $("finish").contains(now) || ($("finish").open && now === document.body);
  $("finish").hidden = !possible;
  if (possible) return;
  $("finish").open = false;
  if (there) $("note-title").focus();
}

$("finish").addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || !$("finish").open) return;
  $("finish").open = false;
  $("finish").querySelector("summary").focus();
});

// Somebody who waits beside the patient is announced once.
const waiting = new Set();
function hear(page) {
  for (const each of page.querySelectorAll("#participants > li")) {
    const here = each.dataset.state === "waiting";
    if (here && !waiting.has(each.id)) announce(t("{name} is in the waiting room", { name: each.querySelector("bdi").textContent }));
    if (here) waiting.add(each.id);
    else waiting.delete(each.id);
  }
}

function exchange(mine, theirs) {
  if (!mine || !theirs || mine.dataset.source === theirs.innerHTML) return;
  if (mine.querySelector("details[open] form")) return; // a reason is being written
  const spoken = mine.id === "record" && mine.textContent.trim() !== theirs.textContent.trim();
  const held = mine.contains(document.activeElement) && document.activeElement?.closest("form")?.id;
  mine.dataset.source = theirs.innerHTML;
  mine.replaceChildren(...[...theirs.childNodes].map((each) => document.importNode(each, true)));
  if (held) ($(held) || mine).querySelector("button")?.focus();
  if (spoken) announce(mine.textContent.trim());
}

// One listener for Admit, whose form comes and goes with the status, and Finish, which has asked first.
strip.addEventListener("submit", async (event) => {
  event.preventDefault();
  const command = event.target.id === "admit" ? "admit" : "end";
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    if (command === "end") await note.flush();
    await call("POST", `${api}/${command}`, {});
    away = false;
    notice("");
    if (command === "end") offerToFinish(false);
    await refresh();
  } catch (error) {
    if (command === "end" && error.status === 409) await refresh(); // it is over already, and the page says so
    else notice(error.problem?.detail || error.problem?.title || t("That did not work. Please try again."));
  } finally {
    button.disabled = false;
  }
});

// Somebody who waits is let in or turned away without leaving the call.
$("participants").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { participant, step } = event.target.dataset;
  try {
    await call("POST", `${api}/participants/${participant}/${step}`);
  } catch {
    notice(t("That did not work. Please try again."));
  }
  await refresh();
});

// What was signed is amended or retracted without leaving the call.
$("versions").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const typed = Object.fromEntries(new FormData(form, event.submitter));
  try {
    if (form.dataset.step === "amend") await note.amend(typed.relation);
    else if (form.dataset.step === "withdraw") await note.withdraw();
    else {
      form.closest("details").open = false;
      await note.retract(Number(typed.signed), typed.reason);
    }
    notice("");
  } catch (error) {
    if (form.closest("details")) form.closest("details").open = true;
    notice(error.problem?.title || t("That did not work. Please try again."));
  }
});

$("leave").addEventListener("click", () => {
  away = true;
  conversation.stop();
  keys(false);
  $("back").focus();
});
$("back").addEventListener("click", () => {
  away = false;
  follow();
  $("leave").focus();
});

$("follow-up").addEventListener("submit", async (event) => {
  event.preventDefault();
  const stroke = $("stroke").value.trim();
  $("stroke-error").textContent = "";
  $("stroke").removeAttribute("aria-invalid");
  try {
    await call("POST", `${api}/follow-ups/stroke`, { stroke }, { "Idempotency-Key": crypto.randomUUID() });
    $("stroke").value = "";
    announce(t("Follow-up added."));
    await refresh();
  } catch (refusal) {
    const unfit = refusal.status === 422;
    $("stroke-error").textContent = unfit ? t("Say what and when, for example: call +2w") : t("That did not work. Please try again.");
    if (unfit) $("stroke").setAttribute("aria-invalid", "true");
  }
});

setInterval(() => {
  for (const time of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-since]"))) {
    time.textContent = minutes(Math.max(0, Math.floor((Date.now() - Date.parse(time.dataset.since ?? "")) / 60_000)));
  }
}, 5000);

listen(strip.dataset.stream, refresh);
sendInPieces();
equipment(visitId);
follow();

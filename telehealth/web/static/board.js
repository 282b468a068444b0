// The day board, live: on each hint the page is reread and its rows are exchanged by id; the focus stays.

import { call, reread } from "./api.js";
import { chime } from "./devices.js";
import "./notify.js";
import { coalesced, listen } from "./stream.js";
import { announce, minutes, secondsAgo, t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const board = $("board");
const fresh = $("fresh");
const banner = $("arrived");
const sound = $("sound");
const refused = $("refused");
const title = document.title;
const drift = Date.parse(fresh.dataset.now) - Date.now(); // the server's clock against ours
const sources = new Map(); // row id -> how the server drew it

function remember(root) {
  for (const row of root.querySelectorAll("[data-keyed] > *")) sources.set(row.id, row.outerHTML);
}

function merge(mine, theirs) {
  const known = new Map([...mine.children].map((row) => [row.id, row]));
  const rows = [...theirs.children].map((row) => {
    const same = sources.get(row.id) === row.outerHTML && known.get(row.id);
    return same || document.importNode(row, true);
  });
  rows.forEach((row, at) => mine.children[at] !== row && mine.insertBefore(row, mine.children[at] || null));
  while (mine.children.length > rows.length) mine.lastElementChild.remove();
}

function statuses() {
  return new Map([...board.querySelectorAll("[data-status]")].map((row) => [row.id, row.dataset.status]));
}

const unheard = () => [...board.querySelectorAll("[data-alert]")];

function redraw(page) {
  const next = page.getElementById("board");
  if (!next) return;
  const focused = document.activeElement;
  const unfolded = [...board.querySelectorAll("details[open]")]; // somebody may be writing in it
  const lists = [board, next].map((root) => [...root.querySelectorAll("[data-keyed]")]);
  if (lists[0].length === lists[1].length) lists[0].forEach((list, at) => merge(list, lists[1][at]));
  else board.replaceChildren(...[...next.children].map((part) => document.importNode(part, true)));
  remember(next);
  for (const each of unfolded.filter((part) => !part.isConnected)) {
    $(each.firstElementChild.id)?.parentElement.replaceWith(each);
  }
  if (focused && document.activeElement !== focused) refocus(focused);
}

function refocus(lost) {
  const { id } = lost;
  const now = id && ($(id) || $(id.replace("admit", "open")));
  (lost.isConnected ? lost : now)?.focus();
}

const refresh = coalesced(async () => {
  const before = statuses();
  const known = new Set(unheard().map((row) => row.id));
  const page = await reread(() => location.reload());
  if (!page) return;
  redraw(page);
  for (const row of unheard()) if (!known.has(row.id)) alarm(row);
  for (const [id, status] of statuses()) if (status === "ready" && before.get(id) !== "ready") welcome(id);
  tick();
});

function welcome(id) {
  const row = $(id);
  const text = t("{name} is in the waiting room", { name: row.dataset.name });
  banner.replaceChildren();
  banner.append(Object.assign(document.createElement("p"), { textContent: text, className: "big" }));
  const admit = row.querySelector("[id^=admit-]"); // the front desk has none
  if (admit) {
    const press = Object.assign(document.createElement("button"), { textContent: t("Admit"), className: "button small" });
    press.addEventListener("click", () => $(admit.id)?.click());
    banner.append(press);
  }
  banner.dataset.of = id;
  banner.hidden = false;
  announce(text);
  if (sounding()) chime().catch(() => {});
}

// Alerts: they sound until somebody sees to them.

const AGAIN = 10_000;
let rang = 0;

function alarm(row) {
  announce(row.querySelector("span").textContent.replace(/\s+/g, " ").trim());
  ring();
}

function ring() {
  rang = Date.now();
  if (sounding()) chime().catch(() => {});
}

// Of two who press, the second reads who was quicker; a second press of one's own changes nothing.
const pressed = new Set();

async function acknowledge(id) {
  if (pressed.has(id)) return;
  pressed.add(id);
  refused.hidden = true;
  try {
    await call("POST", `/v1/alerts/${id}/acknowledge`);
  } catch (refusal) {
    refused.textContent = reason(refusal);
    refused.hidden = false;
  }
  pressed.delete(id);
  refresh();
}

function reason(refusal) {
  const by = refusal.problem?.by;
  if (by) return t("{name} sees to it already.", { name: by });
  if ([404, 410].includes(refusal.status)) return t("There is nothing left to do about this.");
  return t("That did not work. Please try again.");
}

board.addEventListener("submit", (event) => {
  const id = event.target.dataset.acknowledge;
  if (!id) return;
  event.preventDefault();
  acknowledge(id);
});

addEventListener("keydown", (event) => {
  const next = event.altKey && !event.ctrlKey && event.code === "KeyA" && unheard()[0];
  if (!next) return;
  event.preventDefault();
  next.querySelector("button").click();
});

const sounding = () => sound.getAttribute("aria-pressed") === "true";

let wasStale = false;
function tick() {
  const stale = stream.stale();
  fresh.className = `tag live ${stale ? "warn" : "good"}`;
  const ago = secondsAgo(Math.round(stream.age() / 1000));
  fresh.textContent = stale ? t("Not live. Last updated {ago}", { ago }) : t("Updated {ago}", { ago });
  if (stale !== wasStale) announce(stale ? t("The board is not live. Trying to connect.") : t("The board is live again."));
  wasStale = stale;
  for (const time of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-since]"))) {
    const since = Date.parse(time.dataset.since ?? "");
    time.textContent = minutes(Math.max(0, Math.floor((Date.now() + drift - since) / 60_000)));
  }
  const ready = board.querySelectorAll('[data-status="ready"]').length;
  const alerts = unheard().length;
  document.title = [alerts && "(!)", ready && `(${ready})`, title].filter(Boolean).join(" ");
  if (alerts && Date.now() - rang > AGAIN) ring();
  if ($(banner.dataset.of)?.dataset.status !== "ready") banner.hidden = true;
}

sound.hidden = false;
sound.setAttribute("aria-pressed", String(localStorage.getItem("sound") !== "off"));
sound.addEventListener("click", () => {
  const on = !sounding();
  sound.setAttribute("aria-pressed", String(on));
  localStorage.setItem("sound", on ? "on" : "off");
  if (on) chime().catch(() => {});
});

// A page that the browser kept for its Back button would press a second time what is done once.
addEventListener("pageshow", (event) => event.persisted && location.reload());

remember(document);
const stream = listen(board.dataset.stream, refresh);
tick();
setInterval(tick, 1000);

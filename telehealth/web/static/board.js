// The day board, live: on each hint the page is reread and its rows are exchanged by id; the focus stays.

import { reread } from "./api.js";
import { chime } from "./devices.js";
import { coalesced, listen } from "./stream.js";
import { announce, minutes, secondsAgo, t } from "./words.js";

const board = document.getElementById("board");
const fresh = document.getElementById("fresh");
const banner = document.getElementById("arrived");
const sound = document.getElementById("sound");
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

function redraw(page) {
  const next = page.getElementById("board");
  if (!next) return;
  const focused = document.activeElement?.id;
  const lists = [board, next].map((root) => [...root.querySelectorAll("[data-keyed]")]);
  if (lists[0].length === lists[1].length) lists[0].forEach((list, at) => merge(list, lists[1][at]));
  else board.replaceChildren(...[...next.children].map((part) => document.importNode(part, true)));
  remember(next);
  if (focused && document.activeElement?.id !== focused) {
    (document.getElementById(focused) || document.getElementById(focused.replace("admit", "open")))?.focus();
  }
}

const refresh = coalesced(async () => {
  const before = statuses();
  const page = await reread(() => location.reload());
  if (!page) return;
  redraw(page);
  for (const [id, status] of statuses()) if (status === "ready" && before.get(id) !== "ready") welcome(id);
  tick();
});

function welcome(id) {
  const row = document.getElementById(id);
  const text = t("{name} is in the waiting room", { name: row.dataset.name });
  banner.replaceChildren();
  banner.append(Object.assign(document.createElement("p"), { textContent: text, className: "big" }));
  const admit = row.querySelector("form button");
  if (admit) {
    const press = Object.assign(document.createElement("button"), { textContent: t("Admit"), className: "button small" });
    press.addEventListener("click", () => document.getElementById(admit.id)?.click());
    banner.append(press);
  }
  banner.dataset.of = id;
  banner.hidden = false;
  announce(text);
  if (sounding()) chime().catch(() => {});
}

const sounding = () => sound.getAttribute("aria-pressed") === "true";

let wasStale = false;
function tick() {
  const stale = stream.stale();
  fresh.className = `tag live ${stale ? "warn" : "good"}`;
  const ago = secondsAgo(Math.round(stream.age() / 1000));
  fresh.textContent = stale ? t("Not live. Last updated {ago}", { ago }) : t("Updated {ago}", { ago });
  if (stale !== wasStale) announce(stale ? t("The board is not live. Trying to connect.") : t("The board is live again."));
  wasStale = stale;
  for (const time of document.querySelectorAll("[data-since]")) {
    time.textContent = minutes(Math.max(0, Math.floor((Date.now() + drift - Date.parse(time.dataset.since)) / 60_000)));
  }
  const ready = board.querySelectorAll('[data-status="ready"]').length;
  document.title = ready ? `(${ready}) ${title}` : title;
  if (document.getElementById(banner.dataset.of)?.dataset.status !== "ready") banner.hidden = true;
}

sound.hidden = false;
sound.setAttribute("aria-pressed", String(localStorage.getItem("sound") !== "off"));
sound.addEventListener("click", () => {
  const on = !sounding();
  sound.setAttribute("aria-pressed", String(on));
  localStorage.setItem("sound", on ? "on" : "off");
  if (on) chime().catch(() => {});
});

remember(document);
const stream = listen(board.dataset.stream, refresh);
tick();
setInterval(tick, 1000);

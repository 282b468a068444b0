// The patient's page: follows the visit from the device check to its end. The page reads well without it, too.

import { call, reread } from "./api.js";
import { checkup } from "./checkup.js";
import { switchedOff } from "./kept.js";
import { coalesced, listen } from "./stream.js";
import { talk } from "./talk.js";
import { announce, t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const root = $("visit");
const visitId = root.dataset.visit;
const api = `/v1/visits/${visitId}`;
const ORDER = ["check", "waiting", "call", "ended"];
let stage = root.dataset.stage;
let rechecking = false;
let opening = 0;
let away = false; // left the call on purpose

const off = switchedOff(visitId);
const check = checkup({
  iceServers: async () => (await call("GET", `${api}/ice-servers`)).body.ice_servers,
  exchange: async (offer) => (await call("POST", `${api}/precheck`, offer)).body,
});

const conversation = talk({
  visitId,
  nameOf: ({ role }) => (role === "clinician" ? root.dataset.clinician : ""),
  onTrouble(words) {
    away = true;
    show("left");
    notice(words);
  },
  onEnd(words) {
    away = Boolean(words);
    if (words) show("left");
    if (words) notice(words);
    refresh();
  },
});

function stageOf({ status, can_join: canJoin, reason }) {
  if (["admitting", "in_progress", "interrupted"].includes(status)) return "call";
  if (status === "ready") return rechecking ? "check" : "waiting";
  if (["ended", "completed"].includes(status)) return "ended";
  if (canJoin) return "check";
  return reason === "too_early" ? "early" : "over";
}

function show(next) {
  for (const id of ["early", "check", "waiting", "call", "left", "ended", "over", "gone"]) $(id).hidden = id !== next;
  const at = ORDER.indexOf(next === "left" ? "call" : next);
  $("steps").hidden = ["over", "gone"].includes(next);
  const before = ["early", "check", "waiting"].includes(next);
  for (const id of ["people", "ways"]) $(id)?.toggleAttribute("hidden", !before); // a page of an earlier release has fewer
  for (const item of $("steps").children) {
    const place = ORDER.indexOf(item.dataset.step);
    item.className = place < at ? "done" : "";
    item.toggleAttribute("aria-current", false);
    if (place === Math.max(at, 0)) item.setAttribute("aria-current", "step");
  }
  $("heading").classList.toggle("sr", next === "call"); // a page keeps its h1
  if (next !== stage) {
    const title = $(`${next}-title`);
    title.focus();
    announce(title.textContent);
  }
  stage = next;
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
  if (text) announce(text);
}

const refresh = coalesced(async () => {
  try {
    let { body } = await call("GET", `${api}/join`);
    if (body.status === "booked" && body.can_join) {
      await call("POST", `${api}/arrive`);
      ({ body } = await call("GET", `${api}/join`));
    }
    if (body.elsewhere && stage !== "call") return void location.reload();
    if (!away) notice("");
    const next = stageOf(body);
    if (next === "check" && "prepare" in root.dataset) return void location.assign("/visit/prepare");
    follow(next);
    if (["early", "check", "waiting"].includes(stage)) hear();
  } catch (error) {
    if (error.status === 401 || error.status === 404) gone();
    else if (stage !== "call") notice(t("We cannot reach the clinic just now. Keep this page open; you keep your place."));
  }
});

// What staff say, with whom and when, how long it takes: as the server draws them now.
async function hear() {
  const page = await reread(() => location.reload());
  if (!page?.getElementById("told")) return;
  const words = (root) => [...root.querySelectorAll("#late, #told .note p:first-child")].map((each) => each.textContent);
  const before = words(document);
  for (const id of ["told", "estimate", "heading", "knows", "opening", "ways"]) {
    const mine = $(id);
    const theirs = page.getElementById(id);
    if (!mine || !theirs) continue; // while a new release is brought out, either may be older
    if (mine.innerHTML === theirs.innerHTML) continue;
    const here = mine.contains(document.activeElement);
    mine.replaceChildren(...[...theirs.childNodes].map((node) => document.importNode(node, true)));
    if (here) (mine.querySelector("a, button") ?? $(`${stage}-title`)).focus(); // not back to the top of the page
  }
  const news = words(document).filter((each) => !before.includes(each));
  if (news.length) announce(news.join(" "));
  const { opens, starts } = page.getElementById("visit").dataset;
  Object.assign(root.dataset, { opens, starts });
  comeInTime();
}

// When the waiting room opens, and when the visit is to begin: then the patient may do other things.
function comeInTime() {
  clearTimeout(opening);
  const waits = [root.dataset.opens, root.dataset.starts].map((at) => Date.parse(at) - Date.now()).filter((wait) => wait > -500);
  const wait = Math.min(...waits) + 500;
  if (wait < 2 ** 31) opening = setTimeout(refresh, wait);
}

function follow(next = stage) {
  if (next !== "call") {
    if (conversation.running()) conversation.stop();
    if (["ended", "over"].includes(next)) check.letGo();
    if (away) notice("");
    away = false;
    return show(next);
  }
  if (away) return show("left");
  show("call");
  if (!conversation.running()) conversation.start(check.handOver());
}

// Put out, or the link is another one now: nothing of the call is left running.
function gone() {
  stream.close();
  if (conversation.running()) conversation.stop();
  check.letGo();
  show("gone");
}

// the check

for (const [id, sound] of /** @type {[string, boolean][]} */ ([["start", false], ["sound-only", true]])) {
  $(id).addEventListener("click", () => off.set("camera", sound));
}
$("cameras").addEventListener("change", () => off.set("camera", !$("cameras").value));

async function told() {
  if (!$("jurisdiction")) return true;
  const { body } = await call("POST", `${api}/location`, { jurisdiction: $("jurisdiction").value });
  $("misplaced").hidden = !body.misplaced;
  return $("misplaced").hidden;
}

$("ready").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("enter").disabled = true;
  try {
    await call("POST", `${api}/check`, check.found);
    if (!(await told())) return;
    rechecking = false;
    await call("POST", `${api}/ready`, {}).catch((error) => {
      if (error.problem?.gates) location.assign("/visit/prepare");
      else if (error.status !== 409) throw error; // already waiting: a second check
    });
    await refresh();
  } catch {
    notice(t("That did not work. Please try again."));
  } finally {
    $("enter").disabled = false;
  }
});

$("recheck").hidden = false;
if ($("answers")) $("answers").hidden = false; // only a page with scripts tells that its reader is still there
$("recheck").addEventListener("click", () => {
  rechecking = true;
  show("check");
});

// the call

$("leave").addEventListener("click", () => {
  away = true;
  conversation.stop();
  show("left");
});
$("back").addEventListener("click", () => {
  away = false;
  notice("");
  follow("call");
});

// whether the page is live

const stream = listen(`${api}/stream`, refresh);
let wasStale = false;
setInterval(() => {
  const stale = stream.stale();
  $("fresh").hidden = !["early", "check", "waiting"].includes(stage);
  if (stale === wasStale) return;
  wasStale = stale;
  $("fresh").className = `tag live ${stale ? "warn" : "good"}`;
  $("fresh").textContent = stale ? t("Not connected to the clinic. Trying again; you keep your place.") : t("Connected to the clinic");
  if (!$("fresh").hidden) announce($("fresh").textContent);
}, 1000);
comeInTime();
follow();

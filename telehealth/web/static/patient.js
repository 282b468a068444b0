// The patient's page: follows the visit from the device check to its end. The page reads well without it, too.

import { call, reread } from "./api.js";
import { Trouble, chime, explain, listDevices, meter, openDevices, release } from "./devices.js";
import { checkNetwork } from "./precheck.js";
import { coalesced, listen } from "./stream.js";
import { talk } from "./talk.js";
import { announce, t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const root = $("visit");
const visitId = root.dataset.visit;
const api = `/v1/visits/${visitId}`;
const ORDER = ["check", "waiting", "call", "ended"];
/** @type {{camera: string, microphone: string, speaker: string, network: any}} */
const found = { camera: "unchecked", microphone: "unchecked", speaker: "unchecked", network: null };
let stage = root.dataset.stage;
let local = null;
let stopMeter = () => {};
let soundOnly = false;
let rechecking = false;
let opening = 0;
let away = false; // left the call on purpose

const conversation = talk({
  visitId,
  nameOf: ({ role }) => (role === "clinician" ? root.dataset.clinician : ""),
  onTrouble(words) {
    away = true;
    show("left");
    notice(words);
  },
  onEnd(words) {
    local = null;
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
  $("people").hidden = !["early", "check", "waiting"].includes(next);
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
  for (const id of ["told", "estimate", "heading", "knows", "opening"]) {
    const mine = $(id);
    const theirs = page.getElementById(id);
    if (mine.innerHTML !== theirs.innerHTML) mine.replaceChildren(...[...theirs.childNodes].map((node) => document.importNode(node, true)));
  }
  const news = words(document).filter((each) => !before.includes(each));
  if (news.length) announce(news.join(" "));
  root.dataset.opens = page.getElementById("visit").dataset.opens;
  comeWhenOpen();
}

function comeWhenOpen() {
  clearTimeout(opening);
  const wait = Date.parse(root.dataset.opens) - Date.now();
  if (wait > 0 && wait < 2 ** 31) opening = setTimeout(refresh, wait + 500);
}

function follow(next = stage) {
  if (next !== "call") {
    if (conversation.running()) conversation.stop();
    if (["ended", "over"].includes(next)) letGo();
    if (away) notice("");
    away = false;
    return show(next);
  }
  if (away) return show("left");
  show("call");
  stopMeter();
  conversation.start(local, { video: !soundOnly });
}

// Put out, or the link is another one now: nothing of the call is left running.
function gone() {
  stream.close();
  if (conversation.running()) conversation.stop();
  letGo();
  show("gone");
}

function letGo() {
  stopMeter();
  release(local);
  local = null;
}

// the check

function result(id, kind, text) {
  $(id).className = `tag ${kind}`;
  $(id).textContent = text;
}

async function openAndShow(choice = {}) {
  $("trouble").hidden = true;
  letGo();
  try {
    local = await openDevices({ video: !soundOnly, ...choice });
  } catch (error) {
    return troubled(error);
  }
  const picture = local.getVideoTracks().length > 0;
  $("self").srcObject = local;
  $("self").hidden = !picture;
  $("dark").hidden = picture;
  $("start").hidden = true;
  $("enter").classList.remove("quiet");
  $("results").hidden = false;
  found.camera = picture ? "ok" : "off";
  result("camera-result", picture ? "good" : "warn", picture ? t("Works") : t("Off"));
  listenToVoice();
  await offerChoice();
  if (!found.network) measure();
}

function troubled(error) {
  if (!(error instanceof Trouble)) throw error;
  found.camera = error.code;
  found.microphone = error.code;
  $("trouble").querySelector("p").textContent = explain(error.code);
  $("trouble").hidden = false;
  $("sound-only").hidden = soundOnly || ["insecure", "in_app", "unsupported", "missing", "missing_microphone"].includes(error.code);
}

function listenToVoice() {
  found.microphone = "silent";
  result("microphone-result", "", t("Say a few words"));
  stopMeter = meter(local, (level) => {
    $("level").value = level;
    if (level < 0.35 || found.microphone === "ok") return;
    found.microphone = "ok";
    result("microphone-result", "good", t("Works"));
  });
}

async function offerChoice() {
  const { videoinput, audioinput } = await listDevices();
  fill($("cameras"), videoinput, local.getVideoTracks()[0]);
  fill($("microphones"), audioinput, local.getAudioTracks()[0]);
  $("choice").hidden = videoinput.length < 2 && audioinput.length < 2;
}

function fill(select, devices, track) {
  const used = track?.getSettings().deviceId;
  select.replaceChildren(...devices.map((each) => new Option(each.label, each.deviceId, false, each.deviceId === used)));
}

async function measure() {
  const bar = $("network-progress");
  bar.hidden = false;
  result("network-result", "", t("Checking…"));
  try {
    const { body: door } = await call("GET", `${api}/ice-servers`).catch(() => ({ body: {} }));
    const { rtt_ms, jitter_ms, loss, verdict } = await checkNetwork({
      iceServers: door.ice_servers || [],
      exchange: async (offer) => (await call("POST", `${api}/precheck`, offer)).body,
      onProgress: ({ done, total }) => (bar.value = done / total),
    });
    found.network = { rtt_ms, jitter_ms, loss, verdict };
  } catch {
    found.network = { rtt_ms: null, jitter_ms: 0, loss: 1, verdict: "none" };
  }
  bar.hidden = true;
  const said = {
    good: ["good", t("Good")],
    fair: ["warn", t("Good enough")],
    poor: ["bad", t("Weak. Move closer to your Wi-Fi, or join with sound only.")],
    none: ["bad", t("No connection for calls. Try another network, such as mobile data.")],
  };
  result("network-result", ...said[found.network.verdict]);
}

$("devices").hidden = false;
$("enter").classList.add("quiet"); // the check comes first
$("start").addEventListener("click", () => openAndShow());
$("again").addEventListener("click", () => openAndShow());
$("sound-only").addEventListener("click", () => ((soundOnly = true), openAndShow()));
for (const id of ["cameras", "microphones"]) {
  $(id).addEventListener("change", () => openAndShow({ cameraId: $("cameras").value, microphoneId: $("microphones").value }));
}
$("play").addEventListener("click", async () => {
  await chime().catch(() => {});
  $("heard").hidden = false;
});
$("heard-yes").addEventListener("click", () => heard("ok", "good", t("Works")));
$("heard-no").addEventListener("click", () => heard("silent", "warn", t("Turn the volume up, then play it again")));

function heard(code, kind, text) {
  found.speaker = code;
  result("speaker-result", kind, text);
  $("heard").hidden = true;
  $("play").focus();
}

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
    await call("POST", `${api}/check`, found);
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
  local = null;
  show("left");
});
$("back").addEventListener("click", () => {
  away = false;
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
comeWhenOpen();
follow();

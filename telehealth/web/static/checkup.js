// The check of camera, microphone, speaker and connection, on the elements that check.html draws.

import { Trouble, chime, explain, fill, listDevices, meter, openDevices, release } from "./devices.js";
import { choose } from "./kept.js";
import { t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);

function result(id, kind, text) {
  $(id).className = `tag ${kind}`;
  $(id).textContent = text;
}

/**
 * `iceServers` and `exchange` as of `checkNetwork`; `onMeasured` when all of `found.network` is there. Returns what was
 * found (ok, off, silent, unchecked, or the code of a fault) and the stream; handOver: it is somebody else's now, and what
 * is still being opened is let go.
 */
export function checkup({ iceServers, exchange, onMeasured = () => {} }) {
  /** @type {{found: Record<string, any>, stream: any, soundOnly: boolean, letGo(): void, handOver(): any, stopMeter(): void}} */
  const check = {
    found: { camera: "unchecked", microphone: "unchecked", speaker: "unchecked", network: null },
    stream: null,
    soundOnly: false,
    letGo() {
      release(check.handOver());
    },
    handOver() {
      const { stream } = check;
      turn += 1;
      check.stopMeter();
      check.stream = null;
      return stream;
    },
    stopMeter() {},
  };
  const { found } = check;
  let measuring = false;
  let turn = 0; // pressed twice, or over before it was open: only what was asked for last stays open

  async function open(choice = { cameraId: "", microphoneId: "" }) {
    $("trouble").hidden = true;
    check.letGo();
    const mine = turn;
    try {
      const opened = await openDevices({ video: !check.soundOnly, ...choice });
      if (mine !== turn) return release(opened);
      check.stream = opened;
    } catch (error) {
      return mine === turn ? troubled(error) : undefined;
    }
    if (choice.cameraId) choose("video", choice.cameraId);
    if (choice.microphoneId) choose("audio", choice.microphoneId);
    const picture = check.stream.getVideoTracks().length > 0;
    $("self").srcObject = check.stream;
    $("self").hidden = !picture;
    $("dark").hidden = picture;
    $("start").hidden = true;
    $("enter")?.classList.remove("quiet");
    $("results").hidden = false;
    found.camera = picture ? "ok" : "off";
    result("camera-result", picture ? "good" : "warn", picture ? t("Works") : t("Off"));
    listenToVoice();
    await offerChoice();
    measure();
  }

  function troubled(error) {
    if (!(error instanceof Trouble)) throw error;
    found.camera = error.code;
    found.microphone = error.code;
    $("trouble").querySelector("p").textContent = explain(error.code);
    $("trouble").hidden = false;
    $("sound-only").hidden = check.soundOnly || ["insecure", "in_app", "unsupported", "missing", "missing_microphone"].includes(error.code);
  }

  function listenToVoice() {
    found.microphone = "silent";
    result("microphone-result", "", t("Say a few words"));
    check.stopMeter = meter(check.stream, (level) => {
      $("level").value = level;
      if (level < 0.35 || found.microphone === "ok") return;
      found.microphone = "ok";
      result("microphone-result", "good", t("Works"));
    });
  }

  async function offerChoice() {
    const [camera, microphone] = ["video", "audio"].map((kind) => check.stream.getTracks().find((each) => each.kind === kind));
    const { videoinput, audioinput } = await listDevices();
    fill($("cameras"), videoinput, camera?.getSettings().deviceId, !camera);
    fill($("microphones"), audioinput, microphone?.getSettings().deviceId);
    $("choice").hidden = videoinput.length < (camera ? 2 : 1) && audioinput.length < 2;
  }

  async function measure() {
    if (measuring) return;
    measuring = true;
    const bar = $("network-progress");
    bar.hidden = false;
    result("network-result", "", t("Checking…"));
    const servers = await iceServers().catch(() => []);
    let ways = null;
    try {
      const { checkNetwork, checkWays } = await import("./precheck.js"); // not before somebody wants it
      ways = checkWays({ iceServers: servers, exchange }).catch(() => null);
      const { rtt_ms, jitter_ms, loss, kbps_up, kbps_down, verdict } = await checkNetwork({
        iceServers: servers,
        exchange,
        onProgress: ({ done, total }) => (bar.value = done / total),
      });
      found.network = { rtt_ms, jitter_ms, loss, kbps_up, kbps_down, ways: null, verdict };
    } catch {
      found.network = { rtt_ms: null, jitter_ms: 0, loss: 1, kbps_up: null, kbps_down: null, ways: null, verdict: "none" };
    }
    bar.hidden = true;
    const said = {
      good: ["good", t("Good")],
      fair: ["warn", t("Good enough")],
      poor: ["bad", t("Weak. Move closer to your Wi-Fi, or join with sound only.")],
      none: ["bad", t("No connection for calls. Try another network, such as mobile data.")],
    };
    result("network-result", ...said[found.network.verdict]);
    found.network.ways = await ways;
    onMeasured();
  }

  function heard(code, kind, text) {
    found.speaker = code;
    result("speaker-result", kind, text);
    $("heard").hidden = true;
    $("play").focus();
  }

  $("devices").hidden = false;
  $("enter")?.classList.add("quiet"); // the check comes first
  $("start").addEventListener("click", () => open());
  $("again").addEventListener("click", () => open());
  $("sound-only").addEventListener("click", () => ((check.soundOnly = true), open()));
  $("cameras").addEventListener("change", () => (check.soundOnly = !$("cameras").value));
  for (const id of ["cameras", "microphones"]) {
    $(id).addEventListener("change", () => open({ cameraId: $("cameras").value, microphoneId: $("microphones").value }));
  }
  $("play").addEventListener("click", async () => {
    await chime().catch(() => {});
    $("heard").hidden = false;
  });
  $("heard-yes").addEventListener("click", () => heard("ok", "good", t("Works")));
  $("heard-no").addEventListener("click", () => heard("silent", "warn", t("Turn the volume up, then play it again")));
  return check;
}

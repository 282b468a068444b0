// Camera, microphone and speaker: opening them, and the right words when that fails.

import { chosen } from "./kept.js";
import { t } from "./words.js";

const APPS = /FBAN|FBAV|Instagram|MicroMessenger|Line\/|TikTok|BytedanceWebview|Snapchat|LinkedInApp|GSA\/|; wv\)/;
const BEST = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: "user" },
};
const REASONS = {
  NotAllowedError: "blocked",
  SecurityError: "blocked",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "in_use",
  AbortError: "in_use",
};

/** code: insecure | in_app | unsupported | blocked | missing_camera | missing_microphone | missing | in_use */
export class Trouble extends Error {
  constructor(code) {
    super(code);
    this.code = code;
  }
}

/** Opens microphone and, unless video is false, camera. Returns a MediaStream; throws Trouble. */
export async function openDevices({ video = true, cameraId = "", microphoneId = "" } = {}) {
  const inApp = APPS.test(navigator.userAgent);
  if (!isSecureContext) throw new Trouble("insecure");
  if (!navigator.mediaDevices?.getUserMedia) throw new Trouble(inApp ? "in_app" : "unsupported");
  try {
    return await opened({ audio: microphoneId, ...(video ? { video: cameraId } : {}) });
  } catch (error) {
    const code = REASONS[error.name] || "in_use";
    if (code === "blocked" && inApp) throw new Trouble("in_app");
    throw new Trouble(code === "missing" ? await whichIsMissing(video) : code);
  }
}

/**
 * One track, of the device with that id, of the one that was chosen before, or of any.
 * @param {string} kind audio or video
 * @param {string} [deviceId]
 * @returns {Promise<MediaStreamTrack>} throws Trouble
 */
export async function openTrack(kind, deviceId = "") {
  try {
    return (await opened({ [kind]: deviceId })).getTracks()[0];
  } catch (error) {
    throw new Trouble(REASONS[error.name] || "in_use");
  }
}

/**
 * Of the devices with those ids; where none is asked for, of those that were chosen before, or of any where they are not
 * to be had now.
 * @param {Record<string, string>} ids by kind: "audio", "video"
 */
async function opened(ids) {
  const kinds = Object.keys(ids);
  const before = Object.fromEntries(kinds.map((kind) => [kind, ids[kind] || chosen(/** @type {"audio"|"video"} */ (kind))]));
  const ways = [before, ...kinds.map((kind) => ({ ...before, [kind]: ids[kind] })), ids];
  let trouble = null;
  for (const way of new Map(ways.map((each) => [JSON.stringify(each), each])).values()) {
    try {
      return await navigator.mediaDevices.getUserMedia(wanted(way));
    } catch (error) {
      trouble = error;
      if (error.name === "NotAllowedError") break;
    }
  }
  throw trouble;
}

const wanted = (ids) => Object.fromEntries(Object.entries(ids).map(([kind, id]) => [kind, { ...BEST[kind], ...exact(id) }]));
const exact = (id) => (id ? { deviceId: { exact: id } } : {});

async function whichIsMissing(video) {
  const { videoinput, audioinput } = await listDevices();
  if (!audioinput.length) return video && !videoinput.length ? "missing" : "missing_microphone";
  return "missing_camera";
}

/** {videoinput, audioinput, audiooutput}: lists of MediaDeviceInfo. */
export async function listDevices() {
  const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  const of = (kind) => all.filter((each) => each.kind === kind);
  return { videoinput: of("videoinput"), audioinput: of("audioinput"), audiooutput: of("audiooutput") };
}

/**
 * @param {HTMLSelectElement} select
 * @param {MediaDeviceInfo[]} devices
 * @param {string | undefined} used
 * @param {boolean} [none] that nothing is used is among what can be seen there, so that the first can be chosen
 */
export function fill(select, devices, used, none = false) {
  const options = devices.map(({ label, deviceId }, at) => new Option(label || t("Device {number}", { number: at + 1 }), deviceId));
  if (none) options.unshift(new Option(t("Off"), ""));
  select.replaceChildren(...options);
  if (devices.some(({ deviceId }) => deviceId === used)) select.value = used ?? "";
}

/** What happened and what to do, for a person, on the browser at hand. */
export function explain(code) {
  switch (code) {
    case "insecure":
      return t("This page was not opened safely. Open the link from your invitation again; it starts with https.");
    case "in_app":
      return t("You opened the link inside another app. Open its menu and choose “Open in browser”.");
    case "unsupported":
      return t("This browser cannot make video calls. Use a newer Chrome, Safari, Firefox or Edge.");
    case "blocked":
      return howToAllow();
    case "missing_camera":
      return t("We found no camera. Plug one in and try again, or join with sound only.");
    case "missing_microphone":
      return t("We found no microphone. Plug one in, or use a headset, and try again.");
    case "missing":
      return t("We found no camera and no microphone. Plug them in, or open the link on a phone.");
    default:
      return t("Another app is using your camera or microphone. Close it and try again.");
  }
}

function howToAllow() {
  const agent = navigator.userAgent;
  if (/iPhone|iPad/.test(agent)) {
    return t("The camera is blocked. Tap the sign left of the address, then “Website settings”, and allow camera and microphone. Then try again.");
  }
  if (/Android/.test(agent)) {
    return t("The camera is blocked. Tap the sign left of the address, then “Permissions”, and allow camera and microphone. Then try again.");
  }
  if (/Firefox/.test(agent)) {
    return t("The camera is blocked. Click the crossed-out camera beside the address, remove the block, and try again.");
  }
  return t("The camera is blocked. Click the sign left of the address, allow camera and microphone, and try again.");
}

let context = null;
const audio = () => (context ??= new AudioContext());

/** Calls onLevel(0..1) about 15 times a second until the returned function is called. */
export function meter(stream, onLevel) {
  const source = audio().createMediaStreamSource(stream);
  const analyser = audio().createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  audio().resume();
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const rms = Math.hypot(...samples) / Math.sqrt(samples.length);
    onLevel(Math.min(1, Math.max(0, 1 + Math.log10(rms + 1e-6) / 2.5))); // -50 dB to 0 dB
  }, 66);
  return () => {
    clearInterval(timer);
    source.disconnect();
  };
}

/** Two soft notes, about half a second. Rejects when the browser lets no sound out yet. */
export async function chime() {
  const sounds = audio();
  await Promise.race([sounds.resume(), new Promise((_, no) => setTimeout(no, 500))]);
  for (const [frequency, at] of [[660, 0], [880, 0.22]]) {
    const tone = sounds.createOscillator();
    const gain = sounds.createGain();
    const start = sounds.currentTime + at;
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(0.25, start + 0.03);
    gain.gain.exponentialRampToValueAtTime(0.001, start + 0.4);
    tone.connect(gain).connect(sounds.destination);
    tone.start(start);
    tone.stop(start + 0.45);
  }
}

/** Lets go of camera and microphone: their lights go out. */
export function release(stream) {
  for (const track of stream?.getTracks() || []) track.stop();
}

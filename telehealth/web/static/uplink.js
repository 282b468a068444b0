// What is sent: microphone, camera, or the screen in the camera's place. What the system takes away (a phone call, a
// headset that is pulled out) is opened again and put where it was: nobody rejoins.

import { openTrack } from "./devices.js";

const MUTED_MS = 2000; // the system lets a device pause for a moment by itself
const AGAIN_MS = 3000;
const SHOWN = { video: { frameRate: { max: 15 } } };

/**
 * @param {object} options
 * @param {MediaStream} options.local what is sent now; kept up to date by `put`
 * @param {(track: MediaStreamTrack) => Promise<void>} options.put sends it in place of the track of its kind
 * @param {(kind: string) => boolean} options.isOff whether a person has switched off what is of that kind
 * @param {(lost: string[]) => void} options.onLost the kinds that are interrupted; empty when all is well again
 * @param {(sharing: boolean) => void} options.onShare
 */
export function uplink({ local, put, isOff, onLost, onShare }) {
  const stop = new AbortController();
  const { signal } = stop;
  /** @type {Map<string, {timer: number, busy: boolean}>} */
  const lost = new Map();
  /** @type {MediaStreamTrack | null} */
  let camera = null; // while the screen has its place
  /** @type {MediaStreamTrack | null} */
  let screen = null;
  /** @type {MediaStreamTrack | null} */
  let dark = null; // after the screen, where no camera is: sent, but nothing to see, so not of `local`
  let asking = false;
  /** @type {Promise<unknown>} */
  let order = Promise.resolve();
  for (const track of local.getTracks()) watch(track);
  navigator.mediaDevices?.addEventListener("devicechange", again, { signal });
  document.addEventListener("visibilitychange", again, { signal });

  /**
   * What is sent changes once at a time: a camera that comes back does not take the place of a screen chosen meanwhile.
   * @param {() => unknown} change
   */
  function inTurn(change) {
    const done = order.then(change);
    order = done.catch(() => {});
    return done;
  }

  /** @param {MediaStreamTrack} track */
  function watch(track) {
    let pause = 0;
    const current = () => !signal.aborted && local.getTracks().includes(track);
    track.addEventListener("ended", () => current() && lose(track.kind), { signal });
    track.addEventListener("unmute", () => (clearTimeout(pause), current() && find(track.kind)), { signal });
    track.addEventListener(
      "mute",
      () => (pause = window.setTimeout(() => current() && track.muted && lose(track.kind), MUTED_MS)),
      { signal },
    );
  }

  /** @param {string} kind */
  function lose(kind) {
    if (lost.has(kind)) return;
    lost.set(kind, { timer: window.setInterval(() => reopen(kind), AGAIN_MS), busy: false });
    onLost([...lost.keys()]);
    reopen(kind);
  }

  /** @param {string} kind */
  function find(kind) {
    clearInterval(lost.get(kind)?.timer);
    if (lost.delete(kind)) onLost([...lost.keys()]);
  }

  /** A camera gone while the page was hidden tells nobody (iOS). */
  function again() {
    if (document.visibilityState !== "visible") return;
    for (const track of local.getTracks()) if (track.readyState === "ended" && track !== screen) lose(track.kind);
    for (const kind of lost.keys()) reopen(kind);
  }

  /** @param {string} kind */
  async function reopen(kind) {
    const state = lost.get(kind);
    if (!state || state.busy || document.visibilityState !== "visible") return;
    state.busy = true;
    const track = await open(kind).catch(() => null);
    if (track) await inTurn(() => (lost.get(kind) === state ? found(track) : track.stop())).catch(() => {});
    state.busy = false;
  }

  /** @param {string} kind */
  async function open(kind, deviceId = undefined) {
    const track = await openTrack(kind, deviceId);
    watch(track);
    return track;
  }

  /** @param {MediaStreamTrack} track in place of the one of its kind, which is let go */
  async function found(track) {
    if (signal.aborted) return track.stop();
    const old = local.getTracks().find(({ kind }) => kind === track.kind);
    track.enabled = !isOff(track.kind);
    await put(track);
    if (old !== track) old?.stop();
    if (track.kind === "video") dark?.stop();
    find(track.kind);
  }

  /** Another camera or microphone. Rejects with Trouble when it cannot be had; then the one before goes on, or is had again. */
  const use = (kind, deviceId) =>
    inTurn(async () => {
      const behind = kind === "video" && screen;
      const fresh = await exchanged(behind ? camera : local.getTracks().find((each) => each.kind === kind), kind, deviceId);
      if (behind && !signal.aborted) camera = fresh;
      else await found(fresh);
    });

  /** A phone opens one camera at a time: where both at once are refused, the old one goes first. */
  async function exchanged(old, kind, deviceId) {
    const fresh = await open(kind, deviceId).catch(() => (old?.stop(), open(kind, deviceId)));
    fresh.enabled = !isOff(kind);
    old?.stop();
    return fresh;
  }

  /** Asks which screen or window, and shows it, one at a time. Rejects when the person does not want to, after all. */
  async function share() {
    if (asking || screen) return;
    asking = true;
    const display = await navigator.mediaDevices.getDisplayMedia(SHOWN).finally(() => (asking = false));
    const [track] = display.getVideoTracks();
    track.contentHint = "detail";
    track.addEventListener("ended", unshare, { signal });
    await inTurn(() => instead(track));
  }

  /** @param {MediaStreamTrack} track the screen; a camera that was lost is looked for again after it */
  async function instead(track) {
    if (signal.aborted) return track.stop();
    camera = local.getVideoTracks()[0] ?? null;
    screen = track;
    find("video");
    await put(track);
    dark?.stop();
    onShare(true);
  }

  function unshare() {
    screen?.stop();
    return inTurn(() => screen && !signal.aborted && after(camera));
  }

  /** @param {MediaStreamTrack | null} before the camera that the screen had the place of */
  async function after(before) {
    camera = screen = null;
    const back = before?.readyState === "ended" ? await open("video").catch(() => null) : before;
    if (signal.aborted) return back?.stop();
    await (back ? found(back) : blacken());
    if (before && (!back || back.muted)) lose("video");
    onShare(false);
  }

  /** The other side shall not go on seeing the last of the screen. */
  async function blacken() {
    const track = (dark = darkness());
    await put(track).finally(() => local.removeTrack(track));
  }

  return {
    use,
    share,
    unshare,
    close() {
      stop.abort();
      for (const { timer } of lost.values()) clearInterval(timer);
      lost.clear();
      for (const track of [camera, screen, dark]) track?.stop();
    },
  };
}

function darkness() {
  const canvas = document.createElement("canvas");
  const paint = canvas.getContext("2d");
  const [track] = canvas.captureStream().getVideoTracks();
  const timer = setInterval(() => (track.readyState === "ended" ? clearInterval(timer) : paint?.fillRect(0, 0, 300, 150)), 500);
  return track;
}

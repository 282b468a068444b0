// The call as a person sees it: pictures, keys, and words for what happens. All sides use it.

import { explain, openDevices, release } from "./devices.js";
import { switchedOff } from "./kept.js";
import { announce, t } from "./words.js";

const WARM_MS = 2000;
const NO_PICTURE = ["waiting", "held", "left"];
const SOUND_MAY_DO = ["missing_camera", "blocked", "in_use"];
/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);

// What a call needs comes once the page is there; whoever begins earlier waits for it.
const modules = async () =>
  Object.assign(
    {},
    ...(await Promise.all([
      import("./call.js"),
      import("./uplink.js"),
      import("./chat.js"),
      import("./choices.js"),
      import("./link.js"),
      import("./recording.js"),
      import("./captioning.js"),
      import("./captions.js"),
      import("./muted.js"),
    ])),
  );

/**
 * start(stream?) opens the devices unless given a stream, and joins; stop() hangs up and lets the devices go. What was
 * switched off stays off in the next call.
 * @param {object} options
 * @param {string} options.visitId
 * @param {boolean} [options.host] the clinician's side
 * @param {boolean} [options.sends] false for who only sees and hears: their devices are left alone
 * @param {string} [options.tickets] where tickets are had, under the visit
 * @param {string} [options.chat] where what was written is read, under the visit
 * @param {(person: import("./call.js").Person) => string} [options.nameOf] what the page calls somebody, if it knows
 * @param {(words: string) => void} options.onTrouble when it cannot begin
 * @param {(words: string) => void} options.onEnd when the call is over for this page, with words unless the visit has ended
 * @param {(room: import("./call.js").Room) => void} [options.onRoom]
 */
export function talk({
  visitId,
  host = false,
  sends = true,
  tickets = host ? "host-tickets" : "tickets",
  chat = host ? "host-chat" : "chat",
  nameOf = () => "",
  onTrouble,
  onEnd,
  onRoom = () => {},
}) {
  const remote = $("remote");
  const near = $("near");
  const told = { state: "", devices: "", limit: "", off: "" };
  const off = switchedOff(visitId);
  let handle = null;
  let local = null;
  let up = null;
  let written = null;
  let starting = false;
  let spoken = null;
  let muted = null;
  let gone = []; // the kinds that the system has taken away
  const command = (type, body) => handle?.say(type, body);
  let signs = [];
  let turn = 0; // a call that was ended before it began does not begin
  setTimeout(() => modules().catch(() => {}), WARM_MS);

  function say(part, text) {
    told[part] = text;
    const now = told.state || told.devices || told.limit || told.off;
    if ($("say").textContent !== now) $("say").textContent = now;
  }

  function onState(state) {
    const words = {
      waiting: t("Waiting for the other side…"),
      held: t("You are on hold. Nobody sees or hears you until the clinician lets you in again."),
      reconnecting: t("The connection was lost. We are bringing it back; you keep your place."),
      frozen: t("The picture has stopped. We are bringing it back."),
      sound: t("Your connection is weak: sound only. The picture comes back by itself."),
      left: t("The other side has left the call. They may come back."),
      failed: t("The connection does not come back. Check your network; we keep trying."),
    };
    const ending = { ended: "", replaced: t("The call goes on in another window."), refused: t("You cannot join the call just now.") };
    $("connecting").hidden = state !== "connecting";
    remote.hidden = NO_PICTURE.includes(state);
    say("state", words[state] || "");
    if (state === "connected") play();
    if (!(state in ending)) return;
    stop();
    onEnd(ending[state]);
  }

  async function play() {
    try {
      await remote.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return;
      say("state", t("Press anywhere to hear the other side."));
      addEventListener("pointerup", () => (remote.play(), say("state", "")), { once: true });
      addEventListener("keyup", () => (remote.play(), say("state", "")), { once: true });
    }
  }

  function keys() {
    $("mute").hidden = $("device-key").hidden = !sends;
    $("share").hidden = !sends || !navigator.mediaDevices?.getDisplayMedia;
    for (const track of local.getTracks()) track.enabled = !off.has(track.kind);
    shared(false);
  }

  function tellOff() {
    if (!local) return;
    const [silent, dark] = ["audio", "video"].map((kind) => sends && off.has(kind));
    $("mute").setAttribute("aria-pressed", String(silent));
    $("camera").setAttribute("aria-pressed", String(dark));
    const unseen = sends && !local.getVideoTracks().length;
    const words = [
      silent && t("Your microphone is off: nobody hears you."),
      unseen && t("You are in the call with sound only. If you have a camera, choose it under “Devices”."),
      !unseen && dark && t("Your camera is off: nobody sees you."),
    ];
    say("off", words.filter(Boolean).join(" "));
    if (sends) muted?.look(local, gone);
  }

  function toggle(kind) {
    off.set(kind, !off.has(kind));
    handle?.toggle(kind, !off.has(kind));
    tellOff();
  }

  /** Another device; a camera where there was none is seen at once. */
  async function use(kind, id) {
    const first = kind === "video" && !local.getVideoTracks().length;
    await up.use(kind, id);
    if (first) for (const each of ["camera", "video"]) off.set(each, false);
    for (const track of first ? local.getVideoTracks() : []) track.enabled = true;
    ourPicture();
  }
  const sharing = () => $("share").getAttribute("aria-pressed") === "true";
  $("mute").addEventListener("click", () => toggle("audio"));
  $("camera").addEventListener("click", () => toggle("video"));
  $("share").addEventListener("click", () => {
    if (sharing()) up?.unshare();
    else up?.share().catch(() => {}); // decided against it
  });

  function shared(now) {
    $("share").setAttribute("aria-pressed", String(now));
    near.classList.toggle("mirror", !now);
    ourPicture();
  }

  /** There may be none, and one after all. */
  function ourPicture() {
    const none = !local?.getVideoTracks().length;
    if (near.hidden && !none) near.srcObject = local;
    near.hidden = none;
    $("camera").hidden = none || sharing();
    tellOff();
  }

  function lost(kinds) {
    const words = {
      audio: t("Your microphone was interrupted. We are getting it back."),
      video: t("Your camera was interrupted. We are getting it back."),
    };
    say("devices", kinds.map((kind) => words[kind]).join(" "));
    gone = kinds;
    ourPicture();
  }

  function limited(picture) {
    say("limit", picture ? "" : t("The other side's connection is weak: they hear you. Your picture comes back by itself."));
  }

  /** Whoever sees and hears, and is neither seen nor heard, is told of to everybody. */
  function watched({ peers }) {
    const count = peers.filter(({ kind, held }) => ["observer", "trainee"].includes(kind) && !held).length;
    const words = count ? t("Watching without a picture of their own: {count}", { count }) : "";
    $("watched").hidden = !words;
    if ($("watched").textContent === words) return;
    $("watched").textContent = words;
    if (words) announce(words);
  }

  function stop() {
    turn += 1;
    watched({ peers: [] });
    starting = false;
    handle?.close();
    up?.close();
    written?.close();
    spoken?.close();
    handle = up = written = spoken = muted = null;
    gone = [];
    $("far-off")?.replaceChildren(); // while a new release is brought out, a page may be older
    for (const sign of signs) sign.clear();
    release(local);
    local = near.srcObject = remote.srcObject = null;
    $("connecting").hidden = false;
    $("link").hidden = true;
    for (const part of Object.keys(told)) say(part, "");
  }

  async function start(stream = null) {
    if (handle || starting) return;
    starting = true;
    const mine = turn;
    const found = { stream: null };
    try {
      found.stream = await devices(stream, !off.has("camera"));
      const loaded = found.stream && (await modules());
      if (mine !== turn) return release(found.stream);
      local = found.stream;
      if (loaded) join(loaded);
    } catch {
      release(found.stream);
      if (mine === turn) onTrouble(t("That did not work. Please try again."));
    } finally {
      if (mine === turn) starting = false;
    }
  }

  /** The stream to send; null once the person has been told why there is none. */
  async function devices(stream, video) {
    if (!sends) return new MediaStream();
    if (stream?.active) return stream;
    try {
      return await openDevices({ video });
    } catch (error) {
      if (video && SOUND_MAY_DO.includes(error.code)) return devices(null, false); // better heard than not there
      return onTrouble(explain(error.code)), null;
    }
  }

  function join({ joinCall, uplink, chatPanel, choices, ownLink, recordingSign, captionSign, captionArea, muting, showMuted, underPicture }) {
    near.srcObject = local;
    signs = [recordingSign({ host, say: command }), captionSign({ host, say: command })];
    muted = muting((kinds) => command("mute", { kinds }));
    keys();
    handle = joinCall({
      visitId,
      tickets,
      local,
      remoteVideo: remote,
      others: underPicture,
      onState,
      onLimit: limited,
      onLarge: (person) => showMuted($("far-off"), person, nameOf),
      onChat: (message) => written.hear(message),
      onCaption: (message) => spoken.hear(message),
      onRoom(room) {
        written.follow(room);
        ownLink($("link"), room);
        for (const sign of signs) sign.show(room);
        spoken.follow(room);
        watched(room);
        muted.follow(room);
        tellOff();
        onRoom(room);
      },
    });
    up = uplink({ local, put: (track) => handle.put(track), isOff: off.has, onLost: lost, onShare: shared });
    choices({ local, use });
    written = chatPanel({ path: `/v1/visits/${visitId}/${chat}`, send: (text) => handle.chat(text), nameOf });
    spoken = captionArea({ nameOf });
  }

  return {
    running: () => Boolean(handle) || starting,
    start,
    stop,
    /** The host's admit, hold or deny; answers "" or why not. */
    order: (command, participant) => handle?.order(command, participant) ?? Promise.resolve("lost"),
  };
}

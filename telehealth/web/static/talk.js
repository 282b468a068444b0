// The call as a person sees it: pictures, keys, and words for what happens. Both sides use it.

import { joinCall } from "./call.js";
import { explain, openDevices, release } from "./devices.js";
import { recordingSign } from "./recording.js";
import { t } from "./words.js";

const $ = (id) => document.getElementById(id);

/**
 * start(stream?) opens the devices unless given a stream, and joins; stop() hangs up and lets the devices go.
 * onTrouble(words) when the devices cannot be opened; onEnd(words) when the call is over for this page, with words
 * unless the visit itself has ended.
 */
export function talk({ visitId, host = false, tickets, onTrouble, onEnd }) {
  const remote = $("remote");
  const near = $("near");
  let handle = null;
  let local = null;
  let starting = false;
  const sign = recordingSign({ host, say: (type, body) => handle?.say(type, body) });

  const say = (text) => {
    if ($("say").textContent !== text) $("say").textContent = text;
  };

  function onState(state) {
    const words = {
      waiting: t("Waiting for the other side…"),
      reconnecting: t("The connection was lost. We are bringing it back; you keep your place."),
      frozen: t("The picture has stopped. We are bringing it back."),
      left: t("The other side has left the call. They may come back."),
      failed: t("The connection does not come back. Check your network; we keep trying."),
    };
    const ending = { ended: "", replaced: t("The call goes on in another window."), refused: t("You cannot join the call just now.") };
    $("connecting").hidden = state !== "connecting";
    remote.hidden = ["waiting", "left"].includes(state);
    say(words[state] || "");
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
      say(t("Press anywhere to hear the other side."));
      addEventListener("pointerup", () => (remote.play(), say("")), { once: true });
      addEventListener("keyup", () => (remote.play(), say("")), { once: true });
    }
  }

  function keys() {
    const picture = local?.getVideoTracks().length > 0;
    $("camera").hidden = !picture;
    near.hidden = !picture;
    label("mute", t("Mute"));
    label("camera", t("Camera off"));
  }

  function label(id, text) {
    $(id).textContent = text;
    $(id).setAttribute("aria-pressed", "false");
  }

  function toggle(id, kind) {
    const off = $(id).getAttribute("aria-pressed") !== "true";
    handle?.toggle(kind, !off);
    $(id).setAttribute("aria-pressed", String(off));
  }
  $("mute").addEventListener("click", () => toggle("mute", "audio"));
  $("camera").addEventListener("click", () => toggle("camera", "video"));

  function stop() {
    handle?.close();
    handle = null;
    sign.clear();
    release(local);
    local = near.srcObject = remote.srcObject = null;
    $("connecting").hidden = false;
    say("");
  }

  async function start(stream, { video = true } = {}) {
    if (handle || starting) return;
    starting = true;
    try {
      local = stream?.active ? stream : await openDevices({ video });
    } catch (error) {
      if (error.code !== "missing_camera" || !video) return onTrouble(explain(error.code));
    } finally {
      starting = false;
    }
    if (!local) return start(null, { video: false });
    near.srcObject = local;
    keys();
    const others = t("Another person in the call");
    handle = joinCall({ visitId, host, tickets, local, remoteVideo: remote, others, onState, onRoom: sign.show });
    return undefined;
  }

  return { running: () => Boolean(handle) || starting, start, stop };
}

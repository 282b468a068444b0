// The call as a person sees it: pictures, keys, and words for what happens. Both sides use it.

import { joinCall } from "./call.js";
import { explain, openDevices, release } from "./devices.js";
import { t } from "./words.js";

const $ = (id) => document.getElementById(id);

/**
 * start(stream?) opens the devices unless given a stream, and joins; stop() closes and lets the devices go.
 * onTrouble(words, code) when the devices cannot be opened; onEnd() when the other side closed the call for good.
 */
export function talk({ visitId, onTrouble, onEnd = () => {} }) {
  const remote = $("remote");
  const near = $("near");
  let handle = null;
  let local = null;
  let starting = false;

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
    $("connecting").hidden = state === "connected" || Boolean(remote.srcObject);
    say(words[state] || "");
    if (state === "connected") play();
    if (state === "ended") onEnd();
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
    if (handle?.toggle) handle.toggle(kind, !off);
    for (const track of local?.getTracks() || []) if (track.kind === kind) track.enabled = !off;
    $(id).setAttribute("aria-pressed", String(off));
  }
  $("mute").addEventListener("click", () => toggle("mute", "audio"));
  $("camera").addEventListener("click", () => toggle("camera", "video"));

  return {
    running: () => Boolean(handle) || starting,
    async start(stream, { video = true } = {}) {
      if (handle || starting) return;
      starting = true;
      try {
        local = stream?.active ? stream : await openDevices({ video });
        near.srcObject = local;
        keys();
        handle = await joinCall({ visitId, local, remoteVideo: remote, onState });
      } catch (error) {
        onTrouble(error.code ? explain(error.code) : t("The call could not be started. We try again."), error.code || "");
      } finally {
        starting = false;
      }
    },
    stop() {
      handle?.close();
      handle = null;
      release(local);
      local = near.srcObject = remote.srcObject = null;
      $("connecting").hidden = false;
      say("");
    },
  };
}

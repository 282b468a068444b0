// Another camera, microphone or speaker, in the middle of a call.

import { explain, listDevices } from "./devices.js";
import { disclosure } from "./panels.js";
import { t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const SELECTS = /** @type {const} */ ([["use-camera", "videoinput", "video"], ["use-microphone", "audioinput", "audio"]]);

/**
 * @param {object} options
 * @param {MediaStream} options.local what is sent
 * @param {(kind: "audio"|"video", deviceId: string) => Promise<void>} options.use
 */
export function choices({ local, use }) {
  const { isOpen, close } = disclosure($("device-key"), offer);
  const speaker = $("use-speaker");
  close();
  navigator.mediaDevices.ondevicechange = () => isOpen() && offer();

  async function offer() {
    const devices = await listDevices();
    for (const [id, list, kind] of SELECTS) {
      const track = local.getTracks().find((each) => each.kind === kind);
      fill($(id), devices[list], track?.getSettings().deviceId, !track);
    }
    fill(speaker, devices.audiooutput, $("remote").sinkId);
    $("speaker-field").hidden = !("setSinkId" in HTMLMediaElement.prototype) || devices.audiooutput.length === 0;
    $("camera-field").hidden = devices.videoinput.length === 0;
  }

  for (const [id, , kind] of SELECTS) $(id).onchange = () => tell(use(kind, $(id).value), ({ code }) => explain(code));
  speaker.onchange = () => {
    const videos = /** @type {any[]} */ ([...document.querySelectorAll(".far video")]);
    tell(Promise.all(videos.map((each) => each.setSinkId(speaker.value))), () => t("This speaker cannot be used now. Choose another one."));
  };

  /**
   * @param {Promise<unknown>} change
   * @param {(error: any) => string} why it could not be
   */
  async function tell(change, why) {
    try {
      await change;
      $("device-told").textContent = t("Changed.");
    } catch (error) {
      $("device-told").textContent = why(error);
    }
    offer();
  }
}

/**
 * @param {HTMLSelectElement} select
 * @param {MediaDeviceInfo[]} devices
 * @param {string | undefined} used
 * @param {boolean} [none] that nothing is used is among what can be seen there, so that the first can be chosen
 */
function fill(select, devices, used, none = false) {
  const options = devices.map(({ label, deviceId }, at) => new Option(label || t("Device {number}", { number: at + 1 }), deviceId));
  if (none) options.unshift(new Option(t("Off"), ""));
  select.replaceChildren(...options);
  if (devices.some(({ deviceId }) => deviceId === used)) select.value = used ?? "";
}

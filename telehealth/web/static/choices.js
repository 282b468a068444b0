// Another camera, microphone or speaker, in the middle of a call.

import { explain, fill, listDevices } from "./devices.js";
import { choose, chosen } from "./kept.js";
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
  if (chosen("speaker")) heardOn(chosen("speaker")).catch(() => {}); // it is not there now
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

  for (const [id, , kind] of SELECTS) $(id).onchange = () => tell(taken(kind, $(id).value), ({ code }) => explain(code));
  speaker.onchange = () => tell(taken("speaker", speaker.value), () => t("This speaker cannot be used now. Choose another one."));

  /** @param {"audio"|"video"|"speaker"} kind */
  async function taken(kind, id) {
    await (kind === "speaker" ? heardOn(id) : use(kind, id));
    choose(kind, id);
  }

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

/** @param {string} id */
function heardOn(id) {
  const videos = /** @type {any[]} */ ([...document.querySelectorAll(".far video")]);
  return Promise.all(videos.map((each) => each.setSinkId(id)));
}

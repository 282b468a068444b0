// The note as it will be read, drawn by the server as what is signed is, while it is typed.

import { call } from "./api.js";
import { coalesced } from "./stream.js";
import { t } from "./words.js";

const PAUSE = 400;

/**
 * Follows the field while `#preview` is open. Whatever happens to the drawing, the field is never touched.
 * @param {HTMLTextAreaElement} area
 * @param {(text: string) => string} sendable
 */
export function keepPreview(area, sendable) {
  const box = /** @type {HTMLDetailsElement} */ (document.getElementById("preview"));
  const [stamp, words] = ["preview-stamp", "preview-words"].map((id) => /** @type {HTMLElement} */ (document.getElementById(id)));
  let drawn = null;
  let timer = 0;

  const draw = coalesced(async () => {
    const content = sendable(area.value);
    if (!box.open || content === drawn) return;
    try {
      const { body } = await call("POST", "/v1/notes/preview", { content });
      const page = new DOMParser().parseFromString(body.html, "text/html");
      words.replaceChildren(...[...page.body.childNodes].map((each) => document.importNode(each, true)));
      drawn = content;
      stamp.textContent = content.trim() ? "" : t("Nothing is written yet.");
    } catch {
      stamp.textContent = t("This is not how it reads now: the preview could not be had. Your text is safe.");
      later(5000);
    }
  });

  function later(pause = PAUSE) {
    clearTimeout(timer);
    if (box.open) timer = setTimeout(draw, pause);
  }

  box.addEventListener("toggle", () => box.open && draw());
  area.addEventListener("input", () => later());
  return later;
}

// How good a connection is, and what to do about it, in words.

import { t } from "./words.js";

/** @typedef {import("./call.js").Room} Room */

/**
 * Class and words of a tag.
 * @param {string | undefined} quality
 * @returns {[string, string]}
 */
export function rated(quality) {
  if (quality === "good") return ["tag good", t("Connection: good")];
  if (quality === "fair") return ["tag warn", t("Connection: fair")];
  return ["tag bad", t("Connection: weak")];
}

/** One's own connection, once something is known of it. */
export function ownLink(/** @type {HTMLElement} */ tag, /** @type {Room} */ { you }) {
  const [className, words] = rated(you.quality);
  const advice = you.quality === "poor" ? t("Move closer to your Wi-Fi, or switch your camera off.") : "";
  const said = [words, advice].filter(Boolean).join(". ");
  tag.hidden = !you.quality;
  tag.className = className;
  if (tag.textContent !== said) tag.textContent = said;
}

// What somebody does not send just now: told to the others of a call, and said where their picture would be.

import { t } from "./words.js";

/** @typedef {import("./call.js").Person} Person */
/** @typedef {import("./call.js").Room & {type?: string, resumed?: boolean}} Room */
const KINDS = ["audio", "video"];

/**
 * Tells the room what is off, not there or taken away, whenever that has changed. A session begins with nothing muted.
 * @param {(kinds: string[]) => void} tell
 */
export function muting(tell) {
  let told = "";
  let welcome = false;

  /**
   * @param {MediaStream} local
   * @param {string[]} lost the kinds that the system has taken away
   */
  function look(local, lost) {
    const sent = (kind) => local.getTracks().some((each) => each.kind === kind && each.enabled && each.readyState === "live");
    const kinds = KINDS.filter((kind) => lost.includes(kind) || !sent(kind));
    if (!welcome || kinds.join() === told) return;
    told = kinds.join();
    tell(kinds);
  }

  return {
    look,
    /** @param {Room} room */
    follow({ type, resumed }) {
      if (type !== "welcome" || resumed) return;
      welcome = true;
      told = "";
    },
  };
}

/** @param {{muted?: string[]}} person */
function words({ muted = [] }) {
  if (muted.length === KINDS.length) return t("Camera and microphone are off");
  if (muted.includes("video")) return t("Camera is off");
  return muted.length ? t("Microphone is off") : "";
}

/** @param {Person} [person] what their small picture is called, and what stands under it */
export function underPicture(person) {
  if (person?.kind === "device") return { label: t("Exam camera"), caption: t("Exam camera") };
  return { label: t("Another person in the call"), caption: person && words(person) };
}

/**
 * Where the large picture is.
 * @param {HTMLElement | null} place
 * @param {Person | undefined} large whose it is
 * @param {(person: Person) => string} nameOf "" when the page does not know
 */
export function showMuted(place, large, nameOf) {
  if (!place) return; // a page of an earlier release
  const told = large ? words(large) : "";
  const name = large && told && nameOf(large);
  place.parentElement?.classList.toggle("dark", Boolean(large?.muted?.includes("video")));
  if (place.textContent === [name, told].filter(Boolean).join(" ")) return;
  const who = document.createElement("bdi");
  who.textContent = name;
  place.replaceChildren(...(name ? [who, " "] : []), ...(told ? [told] : []));
}

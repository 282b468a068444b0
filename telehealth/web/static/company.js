// Who is in the call, for the clinician: how well each of them receives and what helps, and the keys to hold them.

import { rated } from "./link.js";
import { announce, t } from "./words.js";

/** @typedef {import("./call.js").Person} Person */

/**
 * @param {object} options
 * @param {HTMLElement} options.list filled with one item for each person; kept in place, so that focus stays
 * @param {(person: Person) => string} options.nameOf
 * @param {(command: string, participant: string) => Promise<string>} options.order
 * @param {(words: string) => void} options.onRefused
 * @returns {(people: Person[]) => void} what to call with whoever is there
 */
export function company({ list, nameOf, order, onRefused }) {
  /** @param {Person} person */
  function row(person) {
    const item = document.createElement("li");
    item.id = `in-${person.participant}`;
    item.innerHTML = '<span><bdi></bdi></span> <span class="tag"></span><p class="hint"></p><div class="row"></div>';
    const [hold, out] = [key("hold"), key("deny")];
    item.querySelector(".row")?.append(hold, ...(person.role === "guest" ? [out] : []));
    return item;
  }

  /** @param {string} command */
  function key(command) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.command = command;
    button.className = "button quiet small";
    return button;
  }

  list.onclick = async ({ target }) => {
    const button = /** @type {HTMLElement} */ (target).closest("button");
    const participant = button?.closest("li")?.id.slice(3) ?? "";
    if (!button || button.ariaDisabled === "true") return;
    button.ariaDisabled = "true"; // not `disabled`: the focus stays here
    const code = await order(button.dataset.command ?? "", participant);
    button.ariaDisabled = null;
    if (code) onRefused(t("That did not work. Please try again."));
  };

  /** @param {Person} person */
  function draw(person) {
    const item = document.getElementById(`in-${person.participant}`) ?? list.appendChild(row(person));
    const name = nameOf(person) || t("Another person in the call");
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (item.querySelector(selector));
    put(part("bdi"), name);
    const [className, words] = standing(person);
    part(".tag").className = className;
    put(part(".tag"), words);
    const hint = person.held ? "" : advice(person.quality);
    if (part("p").textContent !== hint && hint) announce(`${name}: ${words}. ${hint}`);
    put(part("p"), hint);
    part("p").hidden = !hint;
    const hold = part("button");
    hold.dataset.command = person.held ? "admit" : "hold";
    put(hold, person.held ? t("Let {name} back in", { name }) : t("Put {name} on hold", { name }));
    const out = part("[data-command=deny]");
    if (out) put(out, t("Put {name} out of the visit", { name }));
  }

  return (people) => {
    for (const item of [...list.children]) if (!people.some(({ participant }) => item.id === `in-${participant}`)) item.remove();
    for (const person of people) draw(person);
  };
}

/** @param {HTMLElement} element */
function put(element, /** @type {string} */ text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {Person} person
 * @returns {[string, string]}
 */
function standing({ held, presence, quality }) {
  if (held) return ["tag warn", t("On hold")];
  if (presence === "away") return ["tag warn", t("Connection lost")];
  return quality ? rated(quality) : ["tag info", t("In the call")];
}

/** @param {string | undefined} quality */
function advice(quality) {
  if (quality === "poor") return t("Ask them to move closer to their Wi-Fi, to close other programs, or to switch to mobile data. You can go on with sound only.");
  if (quality === "fair") return t("The picture may stop for moments. Speak one after the other.");
  return "";
}

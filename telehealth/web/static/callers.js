// What the page calls the people of a call.

import { t } from "./words.js";

/** @typedef {import("./call.js").Person} Person */
/** @typedef {import("./call.js").Room} Room */

/**
 * Who is to be seen and heard: the partner, or everybody whose media run over the media node.
 * @param {Room} room
 */
export const senders = ({ mode, partner, peers }) =>
  peers.filter(({ participant, sends, live }) => (mode === "p2p" ? participant === partner : sends && live));

/**
 * The clinician sees the patient large, everybody else the clinician; a device comes last.
 * @param {Person} person
 */
export const rank = ({ kind, role }) => (kind === "device" ? 3 : ["clinician", "patient", "guest"].indexOf(role));

/** @param {(person: Person) => string} nameOf what the page calls somebody; "" when it does not know */
export function callers(nameOf) {
  /** @type {Map<string, Person>} */
  const people = new Map();
  let me = "";

  return {
    /** @param {import("./call.js").Room} room */
    follow({ you, peers }) {
      me = you.participant;
      for (const each of [you, ...peers]) people.set(each.participant, each);
    },
    me: () => me,
    /** @param {string} participant */
    isMe: (participant) => participant === me,
    /** @param {string} participant */
    named(participant) {
      if (participant === me) return t("You");
      const person = people.get(participant) ?? { participant, role: "", kind: "", sends: true };
      return nameOf(person) || t("Another person in the call");
    },
  };
}

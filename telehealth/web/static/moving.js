// A call over media nodes, from place to place: what was shown goes on until the new place shows a picture of the same
// person. Places change when a node drains or dies, and when the rooms were lost (telehealth/video/PROTOCOL.md).

import { overNode } from "./node.js";

const LET_GO_MS = 4000; // after we see everybody anew, others may still see us by the old place
const LONGEST_MS = 10000; // who is not seen anew by then has gone

/**
 * @param {object} options those of `overNode`
 * @returns what `overNode` returns, but that `settle(place, epoch, live)` says at which place too
 */
export function overPlaces({ onPeople, onState, ...options }) {
  /** @type {any} */
  let here = null;
  /** @type {any} */
  let before = null; // the place we come from, as long as it is of use
  let told = new Map();

  function settle(place, epoch, live) {
    if (place !== here?.place) move(place);
    here.over.settle(epoch, live);
  }

  function move(place) {
    const [kept, gone] = !before || here.over.flows() ? [here, before] : [before, here];
    gone?.over.close();
    kept?.over.retire();
    before = kept;
    here = open(place);
  }

  function open(place) {
    /** @type {any} */
    const mine = { place, people: new Map(), state: "connecting", connected: 0, complete: 0 };
    mine.over = overNode({
      ...options,
      onPeople(people) {
        mine.people = people;
        put();
      },
      onState(state) {
        mine.state = state;
        look();
      },
    });
    return mine;
  }

  function look() {
    if (before) letGo(performance.now());
    put();
    onState(state());
  }

  function letGo(now) {
    if (here.state === "connected" || here.state === "waiting") here.connected ||= now;
    else here.connected = here.complete = 0;
    if (here.connected && [...before.people.keys()].every(here.over.shows)) here.complete ||= now;
    if (!(here.complete && now - here.complete > LET_GO_MS) && !(here.connected && now - here.connected > LONGEST_MS)) return;
    before.over.close();
    before = null;
  }

  function state() {
    if (!before) return here.state;
    return [here.state, before.state].includes("connected") ? "connected" : "reconnecting";
  }

  function put() {
    const people = new Map([...(before?.people ?? []), ...(here?.people ?? [])]);
    for (const [person, stream] of before?.people ?? []) if (!here?.over?.shows(person)) people.set(person, stream);
    const same = people.size === told.size && [...people].every(([person, stream]) => told.get(person) === stream);
    if (!same) onPeople((told = people));
  }

  const each = (act) => [here, before].forEach((place) => place && act(place.over));

  return {
    settle,
    hear: (message) => each((over) => over.hear(message)),
    restart: () => here?.over.restart(),
    anew: () => here?.over.anew(),
    replace: (track) => each((over) => over.replace(track)),
    flows: () => Boolean(here?.over.flows()),
    down: () => here?.over.down(),
    close() {
      each((over) => over.close());
      before = null;
      onPeople(new Map());
    },
  };
}

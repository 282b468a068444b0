// A call over media nodes, from place to place: what was shown goes on until the new place shows a picture of the same
// person. Places change when a node drains or dies, and when the rooms were lost (telehealth/video/PROTOCOL.md). When this
// machine has another address, the place stays, and what connects us with it is other.

import { freshConnection, moved } from "./fresh.js";
import { overNode } from "./node.js";

const LET_GO_MS = 4000; // after we see everybody anew, others may still see us by the old place
const LONGEST_MS = 10000; // who is not seen anew by then has gone
const SETUP_MS = 3000; // a connection has to come up, before another address is looked for

/**
 * @param {Parameters<typeof overNode>[0] & {onMoved: () => void}} options onMoved: this machine has another address, what
 *   else is open has lost its way too
 * @returns what `overNode` returns, but that `settle(place, epoch, live)` says at which place too
 */
export function overPlaces({ onPeople, onState, onQuiet, onMoved, ...options }) {
  /** @type {any} */
  let here = null;
  /** @type {any} */
  let before = null; // the place we come from, as long as it is of use
  let told = new Map();
  let made = { send: 0, recv: 0 }; // connections, at this place
  let closed = false;

  function settle(place, epoch, live) {
    if (place !== here?.place) move(place);
    here.now = [epoch, live];
    here.over.settle(epoch, live);
  }

  /** Whether we have another address; then by that, beside what there is. */
  async function look(mine) {
    if (mine !== here || !(await moved(mine.over.down())) || mine !== here || closed) return;
    onMoved();
    move(mine.place, freshConnection);
    here.now = mine.now;
    here.over.settle(...here.now);
  }

  /** @param {(configuration: RTCConfiguration) => RTCPeerConnection} [connect] */
  function move(place, connect) {
    const [kept, gone] = !before || here.over.flows() ? [here, before] : [before, here];
    gone?.over.close();
    kept?.over.retire();
    before = kept;
    here = open(place, connect);
  }

  function open(place, connect) {
    /** @type {any} */
    const mine = { place, people: new Map(), state: "connecting", connected: 0, complete: 0, since: performance.now() };
    if (!connect) made = { send: 0, recv: 0 };
    mine.over = overNode({
      ...options,
      made,
      connect,
      onQuiet() {
        onQuiet();
        look(mine);
      },
      onPeople(people) {
        mine.people = people;
        put();
      },
      onState(state) {
        mine.state = state;
        const late = performance.now() - mine.since > SETUP_MS;
        if (connect && late && !["connected", "waiting"].includes(state)) look(mine); // and on we go, perhaps
        show();
      },
    });
    return mine;
  }

  function show() {
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
      closed = true;
      each((over) => over.close());
      before = null;
      onPeople(new Map());
    },
  };
}

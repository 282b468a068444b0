// The call, set up as telehealth/video/PROTOCOL.md says: browser to browser for two, by perfect negotiation (W3C WebRTC,
// 10.7), over the media node for more. A watchdog of our own: the browser takes seven seconds to say that nothing arrives.

import { rank, senders } from "./callers.js";
import { freshConnection, moved } from "./fresh.js";
import { count, described, plain, sendPicture } from "./peer.js";
import { gauge } from "./quality.js";
import { openSignalling } from "./signalling.js";

const TICK_MS = 200;
const DOUBT_MS = 250; // no packets: ask whether the network is another one
const ELSEWHERE_MS = 500; // look for another address: to connect anew breaks what may yet come back
const SETUP_MS = 3000; // but not before a connection had the time to come up
const FROZEN_MS = 1000; // a word to the person
const STUCK_MS = 1800; // sound, but the picture stands still; a camera that is off sends black ones
const LOST_MS = 1500; // restart ICE, and again every RESTART_MS
const AFRESH_MS = 1500; // after the first time: browsers find out two seconds late that their address is another one
const RESTART_MS = 4000;
const RENEW_MS = 14000; // restarting did not help: ask for new connections on both sides
const FAILED_MS = 20000;
const LET_GO_MS = 4000;

/**
 * @typedef {{participant: string, role: string, kind: string, sends: boolean, admitted?: boolean, presence?: string,
 *   live?: boolean, held?: boolean, muted?: string[], quality?: "good"|"fair"|"poor", video?: boolean}} Person
 * @typedef {{you: Person, mode: "p2p"|"node", epoch: number, generation: number, partner: string|null, polite: boolean,
 *   peers: Person[]}} Room
 */

/**
 * @param {object} options
 * @param {string} options.visitId
 * @param {boolean} [options.host] true for the clinician's side
 * @param {string} [options.tickets] where tickets are had, under the visit
 * @param {MediaStream} options.local what is sent
 * @param {HTMLVideoElement} options.remoteVideo where the other side is shown
 * @param {(person?: Person) => {label: string, caption?: string}} [options.others] what the picture of one more is
 *   called, and what stands under it now
 * @param {(state: string) => void} [options.onState] connecting; waiting (nobody there yet); held (the clinician has put
 *   us out of hearing); connected; frozen (nothing new to see for a second); sound (only that gets through to us);
 *   reconnecting; failed (20 s without media; still trying); left (they hung up). Final: ended (the visit is over);
 *   replaced (the call goes on in another window); refused
 * @param {(message: {participant: string, from: string, text: string}) => void} [options.onChat]
 * @param {(message: import("./captions.js").Caption) => void} [options.onCaption] what is said, and whether that can be told
 * @param {(room: Room) => void} [options.onRoom] whenever it has changed
 * @param {(picture: boolean) => void} [options.onLimit] whether our picture gets through to the other side
 * @param {(person?: Person) => void} [options.onLarge] whose picture the large one is, and what is known of them now
 */
export function joinCall({
  visitId,
  host = false,
  tickets = host ? "host-tickets" : "tickets",
  local,
  remoteVideo,
  others = () => ({ label: "" }),
  onState = () => {},
  onChat = () => {},
  onCaption = () => {},
  onRoom = () => {},
  onLimit = () => {},
  onLarge = () => {},
}) {
  const stop = new AbortController();
  const link = openSignalling(`/v1/visits/${visitId}/${tickets}`, { onMessage, onGone });
  let node = null; // the call over the media node, once there is one
  let room = null; // the last that was told of the room
  let session = ""; // what the media node knows our connections by
  /** @type {RTCPeerConnection | null} */
  let pc = null;
  let arriving = new MediaStream(); // from the other browser
  let generation = 0;
  let polite = true;
  let iceServers = [];
  let shown = "";
  let making = false;
  let reported = "";
  let away = false;
  let carrier = navigator.connection?.type;
  let seen = {};
  let facing = ""; // whose picture the large one is
  let through = 0; // since when the node brings pictures, while what connects two is still there
  let fresh = false; // connect by an address that we have not had before
  let order = Promise.resolve();
  const timer = setInterval(watch, TICK_MS);
  const quality = gauge({
    connection: () => (room?.mode === "node" ? node?.down() : pc),
    expected: () => expected(),
    tell: (report) => link.mention("stats", report),
  });
  show("connecting");

  function show(state) {
    if (state !== shown) onState((shown = state));
  }

  function onMessage(message) {
    const { type } = message;
    if (message.ice_servers) iceServers = message.ice_servers;
    if (type === "welcome") {
      if (!message.resumed && message.session === session) node?.anew();
      ({ session } = message);
    }
    if (type === "welcome" || type === "state") {
      settle((room = message));
      onRoom(room);
      onLarge(known(facing));
    } else if (type === "chat") onChat(message);
    else if (type === "caption" || type === "caption_state") onCaption(message);
    else if (type === "limits") picture(message.video);
    else if (type === "answer" || type === "error") node?.hear(message);
    else if (type === "description" || type === "candidate") {
      const peer = pc; // one after the other: an answer is in place before what follows it
      order = order.then(() => (peer && peer === pc && message.generation === generation ? negotiate(peer, message) : undefined)).catch(() => {});
    }
  }

  function settle({ you, mode, generation: now, partner, peers }) {
    polite = room.polite;
    const other = peers.find(({ participant }) => participant === partner);
    away = other?.presence === "away"; // their socket only: media may well go on
    if (mode === "node") goOver();
    else if (!you.admitted || !other || (away && !pc)) {
      if (you.admitted) show(pc || node ? "left" : shown === "left" ? "left" : "waiting");
      else show("held");
      drop();
      leaveNode();
    } else if (!pc || now !== generation) {
      generation = now;
      connect();
    }
  }

  /** Beside what connects two, which is shown until the first picture has come this way. */
  async function goOver() {
    onLimit(true);
    if (!pc) show("connecting");
    const [{ overPlaces }, { faces }] = await Promise.all([import("./moving.js"), import("./faces.js")]);
    if (stop.signal.aborted || room.mode !== "node") return;
    node ??= open(overPlaces, faces(remoteVideo, (person) => others(known(person))));
    const people = room.peers.filter(({ live, sends }) => live && sends).map(({ participant }) => participant);
    if (people.join() !== seen.people) quality.renew();
    seen.people = people.join();
    node.settle(`${session} ${room.epoch}`, room.epoch, people);
    node.draw();
  }

  function open(overPlaces, shownFaces) {
    let people = new Map();
    function put() {
      if (pc && !through) return;
      const there = new Map([...people].filter(([person]) => known(person)));
      face(shownFaces.show(there, (person) => rank(known(person))));
    }
    const over = overPlaces({
      send: (type, body) => link.send(type, body),
      withdraw: (id) => link.withdraw(id),
      onQuiet: () => link.doubt(restart),
      onMoved: () => link.reopen(),
      onAgain: () => link.wake(),
      local: room.you.sends ? local : new MediaStream(),
      iceServers: () => iceServers,
      onPeople(now) {
        people = now;
        put();
      },
      onState(state) {
        if (room.mode !== "node") return;
        if (pc && over.flows()) letGo();
        put();
        if (!pc || through) show(state === "connected" && quality.still() ? "sound" : state);
      },
    });
    return { ...over, draw: put, close: () => (over.close(), shownFaces.clear()) };
  }

  /** We see by the node; the other side may still see us by what connects two. */
  function letGo() {
    through ||= performance.now();
    if (performance.now() - through > LET_GO_MS) drop();
  }

  function face(person = facing) {
    facing = person;
    onLarge(known(person));
  }

  const known = (person) => room.peers.find(({ participant }) => participant === person);

  /** Whether a picture is to be had: it gets through, and not every camera is off. */
  const expected = () => room?.you.video !== false && !(room?.peers.length && senders(room).every(({ muted }) => muted?.includes("video")));

  function leaveNode() {
    node?.close();
    node = null;
    through = 0;
  }

  function picture(on) {
    onLimit(on);
    if (pc) sendPicture(pc, on);
  }

  function connect() {
    drop();
    onLimit(true);
    show(seen.ever ? "reconnecting" : "connecting");
    /** @type {RTCConfiguration} */
    const configuration = { iceServers, bundlePolicy: "max-bundle" };
    const peer = (pc = fresh ? freshConnection(configuration) : new RTCPeerConnection(configuration));
    fresh = false;
    const remote = (arriving = new MediaStream());
    const now = performance.now();
    seen = { ever: seen.ever, packets: 0, frames: 0, alive: now, moved: now, renewed: now };
    seen.restarted = seen.restarts = 0;
    making = false;
    order = Promise.resolve(); // what was begun on a connection that is closed meanwhile never ends (W3C WebRTC, 4.4.1.2)
    reported = "new";
    peer.onnegotiationneeded = () => offer(peer);
    peer.onicecandidate = ({ candidate }) => {
      if (peer === pc && candidate) tell("candidate", { candidate: plain(candidate) });
    };
    peer.onconnectionstatechange = () => peer === pc && report(peer.connectionState);
    peer.ontrack = ({ track }) => {
      remote.addTrack(track);
      if (peer === pc && !node) shownHere();
    };
    for (const track of local.getTracks()) peer.addTrack(track, local);
  }

  function shownHere() {
    face(room.partner ?? facing);
    if (remoteVideo.srcObject === arriving) return;
    remoteVideo.srcObject = arriving;
    remoteVideo.play().catch(() => {}); // the page asks for a press where the browser wants one
  }

  function drop() {
    pc?.close();
    pc = null;
    through = 0;
  }

  const tell = (type, body) => link.send(type, { generation, ...body });

  function report(state) {
    if (state !== reported) tell("media_state", { state: (reported = state) });
  }

  async function offer(peer) {
    try {
      making = true;
      await peer.setLocalDescription();
      if (peer === pc) tell("description", { description: described(peer) });
    } catch {
      // closed meanwhile, or an offer of the other side came first
    } finally {
      if (peer === pc) making = false;
    }
  }

  async function negotiate(peer, { type, description, candidate }) {
    if (type === "candidate") return peer.addIceCandidate(candidate); // rejects what belongs to an ignored offer
    const collision = description.type === "offer" && (making || peer.signalingState !== "stable");
    if (collision && !polite) return undefined;
    await peer.setRemoteDescription(description);
    if (description.type !== "offer") return undefined;
    await peer.setLocalDescription();
    if (peer === pc) tell("description", { description: described(peer) });
    return undefined;
  }

  async function watch() {
    const peer = pc;
    if (!peer) return;
    const total = count(await peer.getStats());
    if (peer !== pc || peer.signalingState === "closed") return;
    const now = performance.now();
    if (total.packets > seen.packets && now - seen.alive > FROZEN_MS) link.wake();
    if (total.packets > seen.packets || (!total.any && peer.connectionState === "connected")) seen.alive = now;
    if (total.frames > seen.frames || !total.frames || !expected()) seen.moved = now;
    Object.assign(seen, total);
    if (room.mode === "node") return; // which watches for itself; this connection goes on as long as it does
    if (node && (total.frames > 0 || (total.packets > 0 && !expected()))) {
      leaveNode();
      shownHere();
    }
    judge(now, now - seen.alive);
  }

  function judge(now, silent) {
    if (seen.ever && silent > DOUBT_MS) link.doubt(restart);
    if (seen.ever && silent > (seen.up ? ELSEWHERE_MS : SETUP_MS)) look();
    const up = pc?.connectionState === "connected" && silent < FROZEN_MS;
    const stuck = now - seen.moved > STUCK_MS;
    if (up) {
      seen.ever = seen.up = true;
      seen.renewed = now;
      if (silent < DOUBT_MS) seen.restarts = 0;
      report("connected");
      if (room.you.video === false) show("sound");
      else show(stuck ? "frozen" : "connected");
    } else if (silent > FAILED_MS) show(away ? "left" : "failed");
    else if (silent > LOST_MS && seen.ever) show("reconnecting");
    else if (silent > FROZEN_MS && shown === "connected") show("frozen");
    if (silent <= LOST_MS) return;
    if (reported === "connected") report("disconnected");
    if (now - seen.renewed > RENEW_MS && !away) {
      seen.renewed = now;
      tell("renew");
    } else if (now - seen.restarted > (seen.restarts === 1 ? AFRESH_MS : RESTART_MS)) restart();
  }

  /** What runs cannot go on by an address that it does not know: both sides connect anew. */
  async function look() {
    const peer = pc;
    if (fresh || away || !(await moved(peer)) || peer !== pc || room.mode === "node") return;
    if (performance.now() - seen.alive < ELSEWHERE_MS) return; // it came back
    fresh = true;
    link.reopen();
    seen.renewed = performance.now();
    tell("renew");
  }

  function restart() {
    node?.restart();
    if (!pc || !pc.remoteDescription) return; // the first offer is still on its way
    seen.restarted = performance.now();
    seen.restarts += 1;
    pc.setConfiguration({ ...pc.getConfiguration(), iceServers });
    pc.restartIce();
  }

  function onConnection() {
    const type = navigator.connection?.type; // the event also tells of mere estimates
    if (type !== carrier) onNetwork();
    carrier = type;
  }

  function onNetwork() {
    link.reopen();
    restart();
  }

  function onVisible() {
    if (document.visibilityState !== "visible") return;
    link.wake();
    if (performance.now() - seen.alive > FROZEN_MS) restart();
  }

  /** @param {MediaStreamTrack} track sent from now on in place of the one of its kind, without a new connection */
  async function put(track) {
    for (const old of local.getTracks().filter(({ kind }) => kind === track.kind)) local.removeTrack(old);
    local.addTrack(track);
    const sender = pc?.getSenders().find((each) => each.track?.kind === track.kind);
    node?.replace(track);
    if (sender) await sender.replaceTrack(track);
    else pc?.addTrack(track, local);
  }

  function onGone(state) {
    finish();
    show(state);
  }

  function finish() {
    stop.abort();
    clearInterval(timer);
    quality.close();
    drop();
    leaveNode();
  }

  const { signal } = stop;
  addEventListener("online", onNetwork, { signal });
  navigator.connection?.addEventListener?.("change", onConnection, { signal });
  document.addEventListener("visibilitychange", onVisible, { signal });

  const ask = (type, body) => new Promise((/** @type {(code: string) => void} */ told) => link.send(type, body, told));

  return {
    /** Hangs up: the visit stays open, the tracks stay the caller's. */
    close() {
      finish();
      link.close();
    },
    put,
    /** @param {"audio"|"video"} kind */
    toggle(kind, on = undefined) {
      const tracks = local.getTracks().filter((track) => track.kind === kind);
      for (const track of tracks) track.enabled = on ?? !track.enabled;
      return tracks.some(({ enabled }) => enabled);
    },
    /** Answers "" once it is kept with the visit, else why it has not been said. */
    chat: (/** @type {string} */ text) => ask("chat", { text }),
    /** The host's admit, hold and deny of a participant; answered like chat. */
    order: (/** @type {string} */ command, /** @type {string} */ participant) => ask(command, { participant }),
    /** A command that nobody answers. */
    say: (/** @type {string} */ type, /** @type {object} */ body) => link.send(type, body),
  };
}

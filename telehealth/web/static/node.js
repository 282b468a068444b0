// A call of more than two, over a media node: one connection up, one down, offered from here (telehealth/video/PROTOCOL.md).
// This is one place of a room; moving.js goes from place to place.

const TICK_MS = 200;
const ANSWER_MS = 5000;
const PATIENCE_MS = 3000; // for a first picture, where sound has come
const AGAIN_MS = 1000;
const ENDED_MS = 500; // before the room says that the call goes on elsewhere, the node may end what was here
const DOUBT_MS = 250; // nothing arrives, where sound comes fifty times a second: ask whether the network is another one
const QUIET_MS = 700; // and the browser says so too: restart ICE, and again after AFRESH_MS, then every RESTART_MS
const LOST_MS = 1500; // say so, and restart whatever the browser says
const AFRESH_MS = 1500; // after the first time: browsers find out two seconds late that their address is another one
const RESTART_MS = 4000;
const RENEW_MS = 14000; // restarting did not help: new connections
const FAILED_MS = 20000;
const WORST = ["failed", "closed", "disconnected", "new", "connecting", "connected"];
const LAYERS = [
  { rid: "h", maxBitrate: 1_200_000 },
  { rid: "l", maxBitrate: 150_000, scaleResolutionDownBy: 4 },
];

/**
 * @param {object} options
 * @param {(type: string, body: object) => number} options.send a command; answers its id
 * @param {(id: number) => void} options.withdraw that command
 * @param {() => void} options.onAgain something arrives that had not for a while
 * @param {() => void} options.onQuiet nothing arrives, again and again for as long as that is so
 * @param {MediaStream} options.local what is sent; without tracks nothing is
 * @param {() => RTCIceServer[]} options.iceServers
 * @param {(people: Map<string, MediaStream>) => void} options.onPeople who is to be seen and heard, by participant
 * @param {(state: string) => void} options.onState connecting, waiting (nobody else's media run), connected,
 *   reconnecting, failed (still trying)
 * @param {(configuration: RTCConfiguration) => RTCPeerConnection} [options.connect] makes a connection
 * @param {{send: number, recv: number}} [options.made] how many there were before, of each direction; counted on here
 * @returns {{settle(epoch: number, live: string[]): void, hear(message: object): void, restart(): void, anew(): void,
 *   replace(track: MediaStreamTrack): void, flows(): boolean, shows(person: string): boolean, retire(): void, down():
 *   RTCPeerConnection|undefined, close(): void}} flows: there is something to see, or sound alone for long; shows: of that
 *   person; anew: the room was lost, and hears of all this again at the next settle; retire: another place takes over,
 *   go on as it is and say nothing more; down: what receives
 */
export function overNode({
  send,
  withdraw,
  onQuiet,
  onAgain,
  local,
  iceServers,
  onPeople,
  onState,
  connect = (configuration) => new RTCPeerConnection(configuration),
  made = { send: 0, recv: 0 },
}) {
  /** @type {{send: any, recv: any}} */
  const sides = { send: null, recv: null };
  const asked = new Map();
  const streams = new Map();
  let epoch = 0;
  let people = [];
  let reported = "";
  let retired = false;
  let untold = false;
  let arrived = new Map(); // of each track, its frames, and since when its packets come
  let seen = { packets: 0, frames: 0, alive: performance.now(), restarted: 0, restarts: 0, renewed: performance.now(), ever: false };
  const timer = setInterval(watch, TICK_MS);

  function settle(now, live) {
    const others = live.join() !== people.join();
    if (people.length === 0) seen.alive = performance.now();
    people = live;
    if (now !== epoch) {
      epoch = now;
      begin();
    } else {
      if (untold && sides.send) negotiate(sides.send);
      if (untold || others) receive();
    }
    untold = false;
  }

  /** By these offers the room knows again which connections there are; they go on as they are. */
  function anew() {
    untold = true;
    reported = "";
  }

  function begin() {
    end("send");
    end("recv");
    reported = "";
    arrived = new Map();
    seen = { ...seen, alive: performance.now(), renewed: performance.now(), restarted: 0, packets: 0, frames: 0 };
    delete seen.first;
    if (local.getTracks().length > 0) offerUp();
    receive();
  }

  function end(direction) {
    sides[direction]?.pc.close();
    sides[direction] = null;
  }

  function open(direction) {
    const pc = connect({ iceServers: iceServers(), bundlePolicy: "max-bundle" });
    made[direction] += 1;
    const side = { pc, direction, connection: made[direction], order: Promise.resolve() };
    pc.onconnectionstatechange = () => report();
    return (sides[direction] = side);
  }

  function offerUp() {
    const side = open("send");
    for (const track of local.getTracks()) {
      const large = track.kind === "video" && (track.getSettings().height ?? 0) >= 360;
      /** @type {RTCRtpTransceiverInit} */
      const init = { direction: "sendonly", streams: [local] };
      side.pc.addTransceiver(track, large ? { ...init, sendEncodings: LAYERS } : init);
    }
    negotiate(side);
  }

  /** The node ended what we send: nobody else tells us. */
  function sendAnew() {
    end("send");
    offerUp();
  }

  function receive() {
    if (people.length === 0 && !sides.recv) return report();
    const side = sides.recv ?? open("recv");
    for (let have = side.pc.getTransceivers().length / 2; have < people.length; have += 1) {
      for (const kind of ["audio", "video"]) side.pc.addTransceiver(kind, { direction: "recvonly" });
    }
    return negotiate(side);
  }

  const current = (side) => sides[side.direction] === side && !retired;

  function negotiate(side) {
    side.order = side.order.then(() => current(side) && exchange(side)).catch(() => {
      setTimeout(() => current(side) && negotiate(side), AGAIN_MS);
    });
  }

  async function exchange(side) {
    await side.pc.setLocalDescription();
    const sdp = await ask(side);
    if (!sdp || !current(side)) return;
    await side.pc.setRemoteDescription({ type: "answer", sdp });
    if (side.direction === "recv") show(side.pc);
    else heed(side);
  }

  /** DTLS says at once that the node ended what we send; the connection's own state says so after 15 seconds. */
  function heed(side) {
    const transport = side.pc.getSenders()[0]?.transport;
    if (!transport || side.heeded) return;
    side.heeded = true;
    const ended = () => transport.state === "closed" && setTimeout(() => current(side) && sendAnew(), ENDED_MS);
    transport.addEventListener("statechange", ended);
  }

  /** The answer; none when another offer takes the place of this one. */
  function ask(side) {
    const { direction, connection, pc } = side;
    const id = send("offer", { epoch, direction, connection, sdp: pc.localDescription.sdp });
    return new Promise((resolve, reject) => {
      const over = (settle) => {
        clearTimeout(timeout);
        asked.delete(id);
        withdraw(id);
        side.giveUp = undefined;
        settle();
      };
      const timeout = setTimeout(() => over(() => reject(new Error("no answer"))), ANSWER_MS);
      side.giveUp = () => over(resolve);
      asked.set(id, ({ type, sdp, code }) => over(() => (type === "answer" ? resolve(sdp) : reject(new Error(code)))));
    });
  }

  function hear(message) {
    if (message.type === "answer" || message.type === "error") asked.get(message.id)?.(message);
  }

  /** Who is in which section stands in the answer: the stream of a section is a participant. */
  function show(pc) {
    const tracks = new Map();
    const shown = whom(pc.remoteDescription.sdp);
    for (const { mid, receiver } of pc.getTransceivers()) {
      const person = shown.get(mid);
      if (person) tracks.set(person, [...(tracks.get(person) ?? []), receiver.track]);
    }
    for (const person of streams.keys()) if (!tracks.has(person)) streams.delete(person);
    for (const [person, theirs] of tracks) {
      const same = streams.get(person)?.getTracks() ?? [];
      if (same.length !== theirs.length || theirs.some((track) => !same.includes(track))) {
        streams.set(person, new MediaStream(theirs));
      }
    }
    onPeople(new Map(streams));
  }

  function state() {
    const states = Object.values(sides).filter(Boolean).map(({ pc }) => pc.connectionState);
    return states.sort((one, other) => WORST.indexOf(one) - WORST.indexOf(other))[0] ?? "new";
  }

  function report(worst = state()) {
    if (epoch > 0 && worst !== reported && !retired) send("media_state", { epoch, state: (reported = worst) });
  }

  async function watch() {
    const side = sides.recv;
    const now = performance.now();
    if (!side || (people.length === 0 && now - seen.alive > LOST_MS)) {
      if (!side) seen.alive = now;
      if (state() === "connected") onState("waiting");
      return;
    }
    const total = await figures(side.pc, arrived, now);
    if (sides.recv !== side) return;
    if (total.packets > seen.packets) {
      if (now - seen.alive > QUIET_MS) onAgain();
      seen.alive = now;
    }
    if (total.packets > 0) seen.first ??= now;
    Object.assign(seen, total);
    judge(now, now - seen.alive);
  }

  function judge(now, silent) {
    if (seen.first && silent > DOUBT_MS && !retired) onQuiet();
    if (!retired && silent <= QUIET_MS && sides.send?.pc.connectionState === "failed") sendAnew();
    if (state() === "connected" && silent < LOST_MS) {
      Object.assign(seen, { ever: true, renewed: now, restarts: silent > DOUBT_MS ? seen.restarts : 0 });
      report("connected");
      onState("connected");
      return;
    }
    onState(silent > FAILED_MS ? "failed" : seen.ever && silent > LOST_MS ? "reconnecting" : "connecting");
    if (retired || silent <= (seen.first ? QUIET_MS : LOST_MS)) return;
    if (silent > LOST_MS && reported === "connected") report("disconnected");
    if (now - seen.renewed > RENEW_MS) begin();
    else if (now - seen.restarted > (seen.restarts === 1 ? AFRESH_MS : RESTART_MS)) restart();
  }

  function restart() {
    seen.restarted = performance.now();
    seen.restarts += 1;
    for (const side of Object.values(sides).filter((each) => each?.pc.remoteDescription)) {
      side.pc.restartIce();
      side.giveUp?.(); // what was offered from an address that may be no more is not waited for
      negotiate(side);
    }
  }

  return {
    settle,
    hear,
    restart,
    anew,
    down: () => sides.recv?.pc,
    flows: () => seen.frames > 0 || (seen.packets > 0 && performance.now() - seen.first > PATIENCE_MS),
    shows: (person) => Boolean(streams.get(person)?.getTracks().some(({ id }) => flowing(arrived.get(id)))),
    retire: () => (retired = true),
    replace(track) {
      const sender = sides.send?.pc.getSenders().find((each) => each.track?.kind === track.kind);
      if (sender) sender.replaceTrack(track);
      else if (epoch > 0) begin();
    },
    close() {
      clearInterval(timer);
      end("send");
      end("recv");
      onPeople(new Map());
    },
  };
}

/** For each section of a description that sends, by its mid, whose it is. */
function whom(sdp) {
  const found = new Map();
  for (const section of sdp.split(/^m=/m).slice(1)) {
    const mid = /^a=mid:(\S+)/m.exec(section)?.[1];
    const person = /^a=msid:(\S+)/m.exec(section)?.[1];
    if (mid && person && /^a=sendonly|^a=sendrecv/m.test(section)) found.set(mid, person);
  }
  return found;
}

const flowing = (track) => track && (track.frames > 0 || performance.now() - track.since > PATIENCE_MS);

async function figures(pc, arrived, now) {
  const total = { packets: 0, frames: 0 };
  for (const each of (await pc.getStats()).values()) {
    if (each.type !== "inbound-rtp") continue;
    total.packets += each.packetsReceived;
    total.frames += each.framesDecoded ?? 0;
    if (each.packetsReceived === 0) continue;
    const since = arrived.get(each.trackIdentifier)?.since ?? now;
    arrived.set(each.trackIdentifier, { since, frames: each.framesDecoded ?? 0 });
  }
  return total;
}

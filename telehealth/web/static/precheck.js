// The pre-call network check: real WebRTC connections to the port of the media node that calls use, about six seconds.
// The other side is telehealth/media/echo.py; the words are written in telehealth/core/probes.py.

const PROBES = 50;
const EVERY_MS = 50;
const SETUP_MS = 8000;
const STRAGGLERS_MS = 1000;
const PROBE_BYTES = 160; // about a packet of speech

const BULK_BYTES = 1100;
const BULK_MS = 1500;
const SLOW_START_MS = 500;
const MOST_BULK_BUFFERED = 16384;
const MOST_BULK_RATE = 4e6; // bits per second
const BANDWIDTH_MS = 20000; // its turn may have to be waited for
const TICK_MS = 10;

// The same table as telehealth/core/verdict.py: ITU-T G.114 for delay; Opus conceals a few per cent of loss.
/** @type {["good"|"fair", {rtt_ms: number, jitter_ms: number, loss: number, kbps: number}][]} */
const TABLE = [
  ["good", { rtt_ms: 200, jitter_ms: 30, loss: 0.02, kbps: 1000 }],
  ["fair", { rtt_ms: 400, jitter_ms: 60, loss: 0.08, kbps: 250 }],
];

/** The best verdict whose bounds all hold; "none" when nothing came back. kbps: the lesser way; null: not measured. */
export function judge({ rtt_ms, jitter_ms, loss, kbps = null }) {
  if (rtt_ms === null) return "none";
  const fit = TABLE.find(
    ([, most]) =>
      rtt_ms <= most.rtt_ms && jitter_ms <= most.jitter_ms && loss <= most.loss && (kbps === null || kbps >= most.kbps),
  );
  return fit ? fit[0] : "poor";
}

/** The ways to the media node: straight, or over a TURN server by UDP, by TCP, by TLS. */
export const WAYS = ["udp", "turn_udp", "turn_tcp", "turn_tls"];

/**
 * Measures the way to the media node.
 *
 * @param {object} options
 * @param {RTCIceServer[]} [options.iceServers] the servers the call will use
 * @param {(offer: RTCSessionDescriptionInit) => Promise<RTCSessionDescriptionInit>} options.exchange posts our offer
 * @param {AbortSignal} [options.signal] ends the check; the promise then rejects with the signal's reason
 * @param {(progress: {done: number, total: number}) => void} [options.onProgress]
 * @param {MediaStreamTrack} [options.track] a microphone track to send along, so that the node measures RTP too
 * @returns {Promise<object>} median round trip and jitter in milliseconds, loss from 0 to 1, kilobits per second each
 *   way (null: not measured), candidate_type, relay (whether a TURN server answered; null: none configured), verdict.
 *   Rejects when `exchange` does.
 */
export async function checkNetwork({ iceServers = [], exchange, signal, onProgress = () => {}, track }) {
  signal?.throwIfAborted();
  const peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
  const stop = new AbortController();
  const quit = () => stop.abort(signal?.reason);
  signal?.addEventListener("abort", quit, { once: true });
  try {
    const relay = watchRelay(peer, iceServers);
    const channel = peer.createDataChannel("probe", { ordered: false, maxRetransmits: 0 });
    const bulk = peer.createDataChannel("bandwidth");
    const turn = arrival(bulk);
    if (track) peer.addTrack(track);
    await peer.setLocalDescription();
    // No waiting for candidates: the node answers whoever shows the ICE password, from wherever they are.
    const { type, sdp } = /** @type {RTCSessionDescription} */ (peer.localDescription);
    await peer.setRemoteDescription(await orAborted(exchange({ type, sdp }), stop.signal));
    const open = await opened(peer, channel, stop.signal);
    const figures = open ? await probe(channel, stop.signal, onProgress) : { rtt_ms: null, jitter_ms: 0, loss: 1 };
    const { candidateType: candidate_type = null } = await ownCandidate(peer);
    const rates = open ? await bandwidth(bulk, turn, stop.signal) : NO_RATES;
    /** @type {any} */
    const kbps = rates.kbps_up === null ? null : Math.min(rates.kbps_up, rates.kbps_down);
    return { ...figures, ...rates, candidate_type, relay: relay(), verdict: judge({ ...figures, kbps }) };
  } finally {
    signal?.removeEventListener("abort", quit);
    peer.close();
  }
}

function watchRelay(peer, iceServers) {
  const wanted = iceServers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));
  let found = false;
  peer.addEventListener("icecandidate", ({ candidate }) => {
    found ||= candidate?.type === "relay";
  });
  return () => (wanted ? found : null);
}

async function opened(peer, channel, signal) {
  let state;
  const settled = new Promise((resolve) => {
    state = () => peer.connectionState === "failed" && resolve(false);
    channel.addEventListener("open", () => resolve(true), { once: true });
    peer.addEventListener("connectionstatechange", state);
  });
  const result = await Promise.race([settled, pause(SETUP_MS, signal).then(() => false)]);
  peer.removeEventListener("connectionstatechange", state);
  return result;
}

async function probe(channel, signal, onProgress) {
  const roundTrips = new Map();
  const heard = { node: 0, at: 0 };
  const all = new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
    channel.binaryType = "arraybuffer";
    channel.addEventListener("message", ({ data }) => {
      note(data, roundTrips, heard);
      if (roundTrips.size === PROBES) resolve();
    });
  });
  let sent = 0;
  for (; sent < PROBES && channel.readyState === "open"; sent += 1) {
    channel.send(message(sent, heard));
    onProgress({ done: sent + 1, total: PROBES });
    await pause(EVERY_MS, signal);
  }
  await Promise.race([all, pause(STRAGGLERS_MS, signal)]);
  // A channel that closed under way loses what was not sent, too.
  return summary(roundTrips);
}

function message(number, heard) {
  const view = new DataView(new ArrayBuffer(PROBE_BYTES));
  const now = performance.now();
  view.setUint32(0, number);
  view.setFloat64(4, now);
  view.setFloat64(12, heard.node);
  view.setFloat64(20, heard.node ? now - heard.at : 0);
  return view.buffer;
}

function note(data, roundTrips, heard) {
  if (!(data instanceof ArrayBuffer) || data.byteLength !== 20) return;
  const view = new DataView(data);
  const now = performance.now();
  roundTrips.set(view.getUint32(0), now - view.getFloat64(4));
  heard.node = view.getFloat64(12);
  heard.at = now;
}

function summary(roundTrips) {
  const samples = [...roundTrips].sort(([a], [b]) => a - b).map(([, took]) => took);
  const loss = (PROBES - samples.length) / PROBES;
  if (samples.length === 0) return { rtt_ms: null, jitter_ms: 0, loss };
  const steps = samples.slice(1).map((took, index) => Math.abs(took - samples[index]));
  const jitter_ms = steps.reduce((sum, step) => sum + step, 0) / Math.max(1, steps.length);
  return { rtt_ms: median(samples), jitter_ms, loss };
}

function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

async function ownCandidate(peer) {
  const stats = await peer.getStats();
  const pair = [...stats.values()].find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
  return stats.get(pair?.localCandidateId) ?? {};
}

/** Which ways lead to the media node: each "open", "blocked" or null (no such server). Rejects when `exchange` does. */
export async function checkWays({ iceServers = [], exchange, signal = new AbortController().signal }) {
  const found = await Promise.all(WAYS.map((way) => tryWay(way, only(iceServers, way), exchange, signal)));
  return Object.fromEntries(WAYS.map((way, index) => [way, found[index]]));
}

function only(iceServers, way) {
  const kind = (url) => {
    if (url.startsWith("turns:")) return "turn_tls";
    return url.startsWith("turn:") ? (/[?&]transport=tcp/.test(url) ? "turn_tcp" : "turn_udp") : "";
  };
  return iceServers
    .map((server) => ({ ...server, urls: [server.urls].flat().filter((url) => kind(url) === way) }))
    .filter(({ urls }) => urls.length);
}

async function tryWay(way, iceServers, exchange, signal) {
  if (way !== "udp" && !iceServers.length) return null;
  const peer = new RTCPeerConnection({ iceServers, iceTransportPolicy: way === "udp" ? "all" : "relay" });
  try {
    const channel = peer.createDataChannel("probe", { ordered: false, maxRetransmits: 0 });
    await peer.setLocalDescription();
    const { type, sdp } = /** @type {RTCSessionDescription} */ (peer.localDescription);
    await peer.setRemoteDescription(await orAborted(exchange({ type, sdp }), signal));
    return (await opened(peer, channel, signal)) ? "open" : "blocked";
  } finally {
    peer.close();
  }
}

/** @type {{kbps_up: number|null, kbps_down: number|null}} */
const NO_RATES = { kbps_up: null, kbps_down: null };

function arrival(channel) {
  const words = [];
  const meter = { began: 0, last: 0, octets: 0 };
  /** @type {(value?: any) => void} */
  let wake = () => {};
  channel.binaryType = "arraybuffer";
  channel.addEventListener("message", ({ data }) => {
    if (typeof data === "string") return void (words.push(data), wake());
    const now = performance.now();
    meter.began ||= now;
    if (now < meter.began + SLOW_START_MS) return;
    meter.octets += data.byteLength;
    meter.last = now;
  });
  const next = async () => {
    while (!words.length) await new Promise((resolve) => (wake = resolve));
    return words.shift();
  };
  const kbps = () => {
    const took = meter.last - meter.began - SLOW_START_MS;
    return took > 0 ? Math.round((meter.octets * 8) / took) : 0;
  };
  return { next, kbps };
}

async function bandwidth(channel, { next, kbps }, signal) {
  const measured = async () => {
    await next(); // go
    await sendBulk(channel, signal);
    const [, up] = (await next()).split(" ");
    await next(); // end
    return { kbps_up: Number(up), kbps_down: kbps() };
  };
  return Promise.race([measured(), pause(BANDWIDTH_MS, signal).then(() => NO_RATES)]);
}

async function sendBulk(channel, signal) {
  const began = performance.now();
  const bulk = new Uint8Array(BULK_BYTES);
  let sent = 0;
  for (let passed = 0; passed < BULK_MS && channel.readyState === "open"; passed = performance.now() - began) {
    while (sent < (passed * MOST_BULK_RATE) / 8000 && channel.bufferedAmount < MOST_BULK_BUFFERED) {
      channel.send(bulk);
      sent += BULK_BYTES;
    }
    await pause(TICK_MS, signal);
  }
  if (channel.readyState === "open") channel.send("end");
}

function pause(ms, signal) {
  return orAborted(new Promise((resolve) => setTimeout(resolve, ms)), signal);
}

function orAborted(promise, signal) {
  return new Promise((resolve, reject) => {
    const quit = () => reject(signal.reason);
    if (signal.aborted) quit();
    signal.addEventListener("abort", quit, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", quit));
  });
}

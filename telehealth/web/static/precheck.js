// The pre-call network check: a real WebRTC round trip to the media node, about three seconds long.
// The other side is telehealth/media/probes.py; the message form is written there.

const PROBES = 50;
const EVERY_MS = 50;
const SETUP_MS = 8000;
const STRAGGLERS_MS = 1000;
const PROBE_BYTES = 160; // about a packet of speech

// The same table as telehealth/media/verdict.py: ITU-T G.114 for delay; Opus conceals a few per cent of loss.
/** @type {["good"|"fair", {rtt_ms: number, jitter_ms: number, loss: number}][]} */
const TABLE = [
  ["good", { rtt_ms: 200, jitter_ms: 30, loss: 0.02 }],
  ["fair", { rtt_ms: 400, jitter_ms: 60, loss: 0.08 }],
];

/** The best verdict whose bounds all hold: "good", "fair" or "poor"; "none" when nothing came back. */
export function judge({ rtt_ms, jitter_ms, loss }) {
  if (rtt_ms === null) return "none";
  const fit = TABLE.find(([, most]) => rtt_ms <= most.rtt_ms && jitter_ms <= most.jitter_ms && loss <= most.loss);
  return fit ? fit[0] : "poor";
}

/**
 * Measures the way to the media node.
 *
 * @param {object} options
 * @param {RTCIceServer[]} [options.iceServers] the servers the call will use
 * @param {(offer: RTCSessionDescriptionInit) => Promise<RTCSessionDescriptionInit>} options.exchange posts our offer
 * @param {AbortSignal} [options.signal] ends the check; the promise then rejects with the signal's reason
 * @param {(progress: {done: number, total: number}) => void} [options.onProgress]
 * @param {MediaStreamTrack} [options.track] a microphone track to send along, so that the node measures RTP too
 * @returns {Promise<{rtt_ms: number|null, jitter_ms: number, loss: number, candidate_type: string|null,
 *   relay: boolean|null, verdict: "good"|"fair"|"poor"|"none"}>} median round trip and jitter in milliseconds, loss
 *   from 0 to 1; candidate_type is "host", "srflx", "prflx" or "relay"; relay tells whether a TURN server answered,
 *   null when none is configured. Rejects when `exchange` does.
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
    if (track) peer.addTrack(track);
    await peer.setLocalDescription();
    // No waiting for candidates: the node answers whoever shows the ICE password, from wherever they are.
    const { type, sdp } = /** @type {RTCSessionDescription} */ (peer.localDescription);
    await peer.setRemoteDescription(await orAborted(exchange({ type, sdp }), stop.signal));
    const open = await opened(peer, channel, stop.signal);
    const figures = open ? await probe(channel, stop.signal, onProgress) : { rtt_ms: null, jitter_ms: 0, loss: 1 };
    const candidate_type = await candidateType(peer);
    return { ...figures, candidate_type, relay: relay(), verdict: judge(figures) };
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

async function candidateType(peer) {
  const stats = await peer.getStats();
  const all = [...stats.values()];
  const transport = all.find(({ type }) => type === "transport");
  const pair =
    stats.get(transport?.selectedCandidatePairId) ??
    all.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
  return stats.get(pair?.localCandidateId)?.candidateType ?? null;
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

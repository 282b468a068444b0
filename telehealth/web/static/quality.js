// How well media arrive, second by second, and what of it the room is told (telehealth/video/PROTOCOL.md, Quality).

const TICK_MS = 500;
const SECOND_MS = 950; // timers are late, never early
const EVERY_MS = 5000;
const CALM_MS = 10_000; // after something bad, told every second for so long
const STILL_MS = 1000; // a picture without a new frame for longer stands still
const MOST_LOSS = 0.12; // the same bounds as telehealth/video/quality.py
const LEAST_KBPS = 120;
const FROZEN_MS = 800;

/**
 * @typedef {{rtt_ms: number, jitter_ms: number, loss: number, kbps: number, frozen_ms: number, relayed: boolean}} Report
 * @typedef {{at: number, packets: number, lost: number, bytes: number, frames: number, rtt: number, jitter: number,
 *   relayed: boolean}} Figures since a connection was made; rtt and jitter in seconds, as they are now
 */

/**
 * @param {object} options
 * @param {() => RTCPeerConnection | null | undefined} options.connection the one that receives now
 * @param {() => boolean} options.expected whether a picture is to be expected, if there was one
 * @param {(report: Report) => void} options.tell
 * @returns {{still(): boolean, renew(): void, close(): void}} still: sound arrives, and the picture does not move;
 *   renew: others are to be seen than before
 */
export function gauge({ connection, expected, tell }) {
  /** @type {RTCPeerConnection | null | undefined} */
  let measured = null;
  /** @type {Figures} */
  let second = nothing(); // as things were a second ago
  let told = second; // when the room was told last
  let now = second;
  let moved = 0;
  let still = { now: false, second: 0, told: 0 };
  let badAt = -CALM_MS;
  const timer = setInterval(look, TICK_MS);

  async function look() {
    const pc = connection();
    const found = pc && (await read(pc));
    if (!pc || !found || pc !== connection()) return;
    if (pc !== measured) begin(pc, found);
    const before = now;
    now = found;
    watch(before);
    if (now.at - second.at >= SECOND_MS) judge();
  }

  function begin(pc, found) {
    measured = pc;
    second = told = now = found;
    renew();
  }

  function renew() {
    moved = now.at;
    still = { now: false, second: 0, told: 0 };
  }

  function watch(before) {
    if (now.frames > before.frames || now.frames === 0 || !expected()) moved = now.at;
    still.now = now.at - moved > STILL_MS;
    if (!still.now) return;
    still.second += now.at - before.at;
    still.told += now.at - before.at;
  }

  function judge() {
    const report = between(second, now, still.second);
    const silent = now.packets === second.packets; // a connection that is lost is another matter
    second = now;
    still.second = 0;
    if (silent) return;
    if (bad(report)) badAt = now.at;
    const every = now.at - badAt < CALM_MS ? 0 : EVERY_MS;
    if (now.at - told.at < every) return;
    tell(between(told, now, still.told));
    told = now;
    still.told = 0;
  }

  return { still: () => still.now, renew, close: () => clearInterval(timer) };
}

/** @param {Report} report */
const bad = ({ loss, kbps, frozen_ms }) => loss > MOST_LOSS || (kbps < LEAST_KBPS && frozen_ms > FROZEN_MS);

/** @returns {Figures} */
const nothing = () => ({ at: performance.now(), packets: 0, lost: 0, bytes: 0, frames: 0, rtt: 0, jitter: 0, relayed: false });

/**
 * @param {Figures} then
 * @param {Figures} now
 * @param {number} frozen ms
 * @returns {Report}
 */
function between(then, now, frozen) {
  const lost = Math.max(0, now.lost - then.lost); // what came late after all is counted down again
  const packets = Math.max(0, now.packets - then.packets);
  const whole = (value) => Math.min(60_000, Math.max(0, Math.round(value)));
  return {
    rtt_ms: whole(now.rtt * 1000),
    jitter_ms: whole(now.jitter * 1000),
    loss: lost / Math.max(1, lost + packets),
    kbps: Math.max(0, Math.round(((now.bytes - then.bytes) * 8) / Math.max(1, now.at - then.at))),
    frozen_ms: whole(frozen),
    relayed: now.relayed,
  };
}

/**
 * @param {RTCPeerConnection} pc
 * @returns {Promise<Figures>}
 */
async function read(pc) {
  const stats = await pc.getStats();
  const found = nothing();
  /** @type {any} */
  let pair = null;
  for (const each of stats.values()) {
    if (each.type === "inbound-rtp") {
      found.packets += each.packetsReceived;
      found.lost += each.packetsLost ?? 0;
      found.bytes += each.bytesReceived;
      found.frames += each.framesDecoded ?? 0;
      found.jitter = Math.max(found.jitter, each.jitter ?? 0);
    } else if (each.type === "transport") pair = stats.get(each.selectedCandidatePairId) ?? pair;
    else if (each.type === "candidate-pair" && each.nominated && each.state === "succeeded") pair ??= each;
  }
  const way = [pair?.localCandidateId, pair?.remoteCandidateId].map((id) => stats.get(id)?.candidateType);
  return { ...found, rtt: pair?.currentRoundTripTime ?? 0, relayed: way.includes("relay") };
}

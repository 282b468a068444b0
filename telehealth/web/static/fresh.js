// Another address of this machine. Chromium tells a page that runs of it seconds late (on Linux two), and restarting ICE
// before that gathers the old one again; a document that begins is told at once. So whether there is another is asked in a
// frame made for that, and so is what connects by it. Other browsers gather anew by themselves: nothing is asked there.

const LONGEST_MS = 300; // to gather what the machine itself knows
const LOOK_MS = 400; // between two looks
const MANY = 10; // looks; then it is no change of address, and a phone is spared
const SELDOM_MS = 5000;
const CALM_MS = 10000; // without a look: what comes next is another trouble
let looked = -CALM_MS;
let looks = 0;

/**
 * Whether this machine has an address that a connection which runs knows nothing of. Whoever asks again at once hears no.
 * @param {RTCPeerConnection | null | undefined} pc
 */
export async function moved(pc) {
  const known = addresses(pc);
  const now = performance.now();
  if (known.size === 0 || !("userAgentData" in navigator)) return false;
  if (now - looked >= CALM_MS) looks = 0;
  if (now - looked < (looks < MANY ? LOOK_MS : SELDOM_MS)) return false;
  looked = now;
  looks += 1;
  /** @type {RTCPeerConnection | null} */
  let probe = null;
  try {
    probe = freshConnection({});
    return await finds(probe, (address) => !known.has(address));
  } catch {
    return false;
  } finally {
    probe?.close();
  }
}

/**
 * A connection that gathers the addresses of now. Its frame goes when it is closed.
 * @param {RTCConfiguration} configuration
 * @returns {RTCPeerConnection}
 */
export function freshConnection(configuration) {
  const frame = document.createElement("iframe");
  frame.hidden = true;
  document.body.append(frame);
  try {
    const { RTCPeerConnection: Fresh } = /** @type {any} */ (frame.contentWindow);
    const pc = new Fresh(configuration);
    const close = pc.close.bind(pc);
    pc.close = () => {
      close();
      frame.remove();
    };
    return pc;
  } catch {
    frame.remove();
    return new RTCPeerConnection(configuration); // as if nothing were known of frames
  }
}

/** @param {(address: string) => boolean} wanted */
async function finds(pc, wanted) {
  pc.createDataChannel("");
  const told = new Promise((resolve) => {
    pc.onicecandidate = ({ candidate }) => (!candidate || [...addresses(pc)].some(wanted)) && resolve(Boolean(candidate));
    setTimeout(() => resolve(false), LONGEST_MS);
  });
  await pc.setLocalDescription();
  return told;
}

/** Of a page that may not know them they are names, others in each document: these say nothing. */
function addresses(pc) {
  const told = [pc?.currentLocalDescription, pc?.pendingLocalDescription].map((each) => each?.sdp ?? "").join("");
  const found = [...told.matchAll(/^a=candidate:\S+ \d+ \S+ \d+ (\S+) \d+ typ host/gm)].map(([, address]) => address);
  return new Set(found.filter((address) => !address.endsWith(".local")));
}

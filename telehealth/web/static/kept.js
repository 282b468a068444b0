// What somebody has switched off of themselves, the devices they chose, and how they read captions: all stays so when they
// come back to the call, also after a reload.

/** @type {Map<string, Set<string>>} */
const all = new Map();

/**
 * In this tab, of one visit. "audio" and "video": what is not sent; "camera": what is not even opened.
 * @param {string} visitId
 */
export function switchedOff(visitId) {
  const name = `off ${visitId}`;
  const off = all.get(visitId) ?? new Set(stored(name));
  all.set(visitId, off);
  return {
    /** @param {string} kind */
    has: (kind) => off.has(kind),
    /**
     * @param {string} kind
     * @param {boolean} now
     */
    set(kind, now) {
      if (now) off.add(kind);
      else off.delete(kind);
      store(name, [...off]);
    },
  };
}

/**
 * The device that was chosen last in this tab; "" for none.
 * @param {"audio"|"video"|"speaker"} kind
 */
export const chosen = (kind) => stored(`device ${kind}`)[0] ?? "";

/**
 * @param {"audio"|"video"|"speaker"} kind
 * @param {string} id
 */
export const choose = (kind, id) => store(`device ${kind}`, [id]);

/** How captions are read in this tab: "away", "larger". */
export const captionWays = () => stored("captions");

/** @param {string[]} ways */
export const keepCaptionWays = (ways) => store("captions", ways);

/** @param {string} name */
function stored(name) {
  try {
    return (sessionStorage.getItem(name) ?? "").split(" ").filter(Boolean);
  } catch {
    return []; // a browser that keeps nothing
  }
}

/**
 * @param {string} name
 * @param {string[]} words
 */
function store(name, words) {
  try {
    sessionStorage.setItem(name, words.join(" "));
  } catch {
    // kept as long as the page is open
  }
}

// The socket of a call, as telehealth/video/PROTOCOL.md says: it comes back, and nothing that was said gets lost. Where none
// gets through, polls take its place.

const PING_MS = 4000;
const SILENT_MS = 9000;
const DOUBT_MS = 350; // for an answer, where media are quiet too
const CALM_MS = 3000; // between two doubts
const LONGEST_MS = 2000; // between two attempts, by chance half as much again: a call goes on meanwhile
const OLD_MS = 400; // an attempt that has not got on for so long went out while nothing got through
const SHUT = 2; // sockets that did not open, one after the other
const FINAL = { 400: "refused", 401: "refused", 403: "refused", 404: "refused", 409: "refused", 410: "ended" };
const REASONS = { ended: "ended", replaced: "replaced", "seat-taken": "replaced" };

/**
 * The socket: a fresh ticket each time, resumed where it broke, commands repeated until they are acknowledged.
 * @param {string} tickets address
 * @param {{onMessage: (message: any) => void, onGone: (state: string) => void}} options
 */
export function openSignalling(tickets, { onMessage, onGone }) {
  let socket = null;
  let attempt = 0;
  let tries = 0;
  let session = null;
  let seq = 0;
  let next = 1;
  let heard = 0;
  let doubted = -CALM_MS;
  let doubt;
  /** @type {{command: {id: number}, done: (code: string) => void}[]} */
  let pending = [];
  let ready = false;
  let closed = false;
  let shut = 0;
  let retry;
  let asking = new AbortController();
  let woken = -CALM_MS;
  let moved = 0; // when the present attempt last got on
  const pulse = setInterval(beat, PING_MS);
  open();

  async function open() {
    clearTimeout(retry);
    clearTimeout(doubt);
    const mine = (attempt += 1);
    moved = performance.now();
    asking.abort(); // an answer that nobody waits for would take up one of the few connections
    asking = new AbortController();
    abandon();
    const [ticket, final] = await ask();
    if (closed || mine !== attempt) return;
    moved = performance.now();
    if (final) end(final);
    else if (ticket) talk(ticket, shut >= SHUT && (await import("./polling.js")).polling);
    else later();
  }

  async function ask() {
    const mine = asking;
    const late = setTimeout(() => mine.abort(), tries > 0 ? 5000 : 2000);
    try {
      const answer = await fetch(tickets, { method: "POST", signal: mine.signal });
      return answer.ok ? [(await answer.json()).ticket] : [null, FINAL[answer.status]];
    } catch {
      return [null];
    } finally {
      clearTimeout(late);
    }
  }

  function talk(ticket, polling) {
    if (closed) return;
    socket = polling ? polling(ticket) : new WebSocket(`${location.origin.replace("http", "ws")}/v1/signalling`);
    heard = performance.now();
    let opened = false;
    const mine = socket;
    setTimeout(() => opened || mine.close(), SILENT_MS);
    socket.onopen = () => {
      opened = true;
      moved = performance.now();
      if (!polling) shut = 0;
      const resume = session ? { resume: { session, last_seq: seq } } : {};
      socket.send(JSON.stringify({ type: "hello", v: 1, ticket, ...resume }));
    };
    socket.onmessage = ({ data }) => hear(JSON.parse(data));
    socket.onclose = ({ code, reason }) => {
      if (polling) shut = SHUT - 1; // perhaps a socket gets through now
      else if (!opened) shut += 1;
      const final = code === 4401 ? null : REASONS[reason] ?? FINAL[code - 4000];
      if (final) end(final);
      else later();
    };
  }

  function hear(message) {
    heard = performance.now();
    const { type, id } = message;
    if (type === "welcome") welcome(message);
    else seq = message.seq ?? seq;
    if (id) settled(({ command }) => command.id <= id, (command) => (type === "error" && command.id === id ? message.code : ""));
    if (type === "bye") end(REASONS[message.reason]);
    else if (!["ack", "pong"].includes(type)) onMessage(message);
  }

  /** Tells who waits for these commands how they went: "" well, else why not. */
  function settled(which, how) {
    const over = pending.filter(which);
    pending = pending.filter((each) => !which(each));
    for (const { command, done } of over) done(how(command));
  }

  function welcome(message) {
    if (!message.resumed) {
      ({ seq } = message); // a resumed session counts on from the last it heard: what it missed comes now
      if (message.session !== session) {
        settled(() => true, () => "lost");
        next = 1;
      }
    }
    ({ session } = message);
    settled(({ command }) => command.id <= message.ack, () => "");
    for (const { command } of pending) socket.send(JSON.stringify(command));
    ready = true;
    tries = 0;
  }

  function beat() {
    if (!ready) return;
    if (performance.now() - heard > SILENT_MS) open();
    else socket.send('{"type":"ping"}');
  }

  function later() {
    abandon();
    retry = setTimeout(open, Math.min(LONGEST_MS, 250 * 2 ** tries) * (0.5 + Math.random()));
    tries += 1;
  }

  function abandon() {
    ready = false;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    socket = null;
  }

  function end(state) {
    if (closed) return;
    closed = true;
    clearInterval(pulse);
    clearTimeout(retry);
    clearTimeout(doubt);
    abandon();
    settled(() => true, () => "lost");
    onGone(state);
  }

  return {
    /** A command; answers its number. `done` hears once how it went: "" well, else the code of the error, or "lost". */
    send(type, body, done = (/** @type {string} */ _code) => {}) {
      const command = { type, id: next, ...body };
      next += 1;
      pending.push({ command, done });
      if (ready) socket.send(JSON.stringify(command));
      return command.id;
    },
    /** What is said again soon need not be said later: only while somebody listens. */
    mention(type, body) {
      if (ready) this.send(type, body);
    },
    /** Nobody waits for its answer any more: it is not said again after a broken socket. */
    withdraw(id) {
      pending = pending.filter(({ command }) => command.id !== id);
    },
    reopen() {
      if (!closed) open();
    },
    /** Something got through again: what was begun before that may wait for seconds more. */
    wake() {
      const now = performance.now();
      if (closed || ready || now - moved < OLD_MS || now - woken < CALM_MS) return;
      woken = now; // on a poor network it does so again and again
      open();
    },
    /** Media are quiet: whether the network is another one. `dead` hears when nobody answers here either; then a new
     *  socket is on its way. */
    doubt(dead = () => {}) {
      const now = performance.now();
      if (!ready || now - doubted < CALM_MS) return;
      doubted = now;
      socket.send('{"type":"ping"}');
      doubt = setTimeout(() => {
        if (!ready || heard > now) return;
        open();
        dead();
      }, DOUBT_MS);
    },
    close() {
      if (closed) return;
      if (ready) socket.send(JSON.stringify({ type: "bye", id: next }));
      closed = true;
      clearInterval(pulse);
      clearTimeout(retry);
      clearTimeout(doubt);
      abandon();
    },
  };
}

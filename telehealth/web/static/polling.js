// A socket for networks that let none through: the same messages by long polling (telehealth/video/PROTOCOL.md).

const MOST = 20; // messages a poll
const AGAIN_MS = 1000;
const TRIES = 5;

/**
 * Looks like a WebSocket to whoever talks through it. Close codes are 4000 + the status that ended it.
 * @param {string} ticket
 * @returns {{onopen: ?() => void, onmessage: ?(event: {data: string}) => void, onclose: ?(event: {code: number, reason:
 *   string}) => void, send(text: string): void, close(): void}}
 */
export function polling(ticket) {
  /** @type {{onopen: ?() => void, onmessage: ?(event: {data: string}) => void, onclose: ?(event: {code: number, reason: string}) => void, send(text: string): void, close(): void}} */
  const line = { onopen: null, onmessage: null, onclose: null, send, close };
  let out = [];
  let after = null;
  let idle = null; // a poll that only waits: what is to be said need not wait with it
  let open = true;
  let failed = 0;
  setTimeout(() => open && (line.onopen?.(), turn()));

  function send(text) {
    out.push(JSON.parse(text));
    idle?.abort();
  }

  function ask(messages, options) {
    const body = JSON.stringify(after === null ? { ticket, messages } : { ticket, after, messages });
    return fetch("/v1/signalling/poll", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
      ...options,
    });
  }

  async function turn() {
    while (open) {
      const messages = out.splice(0, after === null ? 1 : MOST);
      const waits = new AbortController();
      idle = messages.length === 0 ? waits : null;
      const given = new AbortController(); // AbortSignal.any is younger than the phones people have
      const late = setTimeout(() => given.abort(), 30000);
      waits.signal.addEventListener("abort", () => given.abort());
      try {
        const answer = await ask(messages, { signal: given.signal });
        idle = null;
        if (!answer.ok) return end(4000 + answer.status, await slug(answer));
        hear(await answer.json());
        failed = 0;
      } catch {
        idle = null;
        out = [...messages, ...out];
        if (waits.signal.aborted) continue;
        failed += 1;
        if (failed > TRIES) return end(1006, "");
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      } finally {
        clearTimeout(late);
      }
    }
    return undefined;
  }

  function hear(told) {
    ({ after } = told);
    for (const message of told.messages) if (open) line.onmessage?.({ data: JSON.stringify(message) });
  }

  function end(code, reason) {
    if (!open) return;
    open = false;
    line.onclose?.({ code, reason });
  }

  function close() {
    open = false;
    idle?.abort();
    if (out.length > 0 && after !== null) ask(out.splice(0, MOST), { keepalive: true }).catch(() => {});
  }

  return line;
}

async function slug(answer) {
  const { type = "" } = await answer.json().catch(() => ({}));
  return type.split("/").at(-1);
}

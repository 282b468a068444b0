// Server-sent events as a hint: something changed, reread one GET. Tells when the stream has gone quiet.

const QUIET = 15_000; // the server says something at least every 7 seconds
const LONGEST = 30_000;

/**
 * Listens until close(). onChange is called at once when the stream opens, and whenever something changed.
 * Returns {age(): milliseconds since the server was last heard, stale(): boolean, close()}.
 */
export function listen(url, onChange) {
  let source = null;
  let timer = 0;
  let heard = Date.now();
  let opened = heard;
  let wait = 1000;

  const hear = () => {
    heard = Date.now();
    wait = 1000;
  };
  const connect = () => {
    clearTimeout(timer);
    source?.close();
    opened = Date.now();
    source = new EventSource(url);
    source.addEventListener("change", () => (hear(), onChange()));
    source.addEventListener("beat", hear);
    source.addEventListener("end", () => (source.close(), onChange(), later()));
    // The browser reconnects by itself, with Last-Event-ID, unless the answer was an HTTP error.
    source.onerror = () => source.readyState === EventSource.CLOSED && later();
  };
  const later = () => {
    clearTimeout(timer);
    timer = setTimeout(connect, wait);
    wait = Math.min(wait * 2, LONGEST);
  };
  const age = () => Date.now() - heard;
  const watch = setInterval(() => {
    // A half-open connection gives no error: start again.
    if (age() > QUIET && Date.now() - opened > QUIET && source.readyState !== EventSource.CLOSED) connect();
  }, 1000);
  const wake = () => document.visibilityState === "visible" && age() > QUIET && connect();

  connect();
  addEventListener("online", connect);
  document.addEventListener("visibilitychange", wake);
  return {
    age,
    stale: () => age() > QUIET,
    close() {
      clearTimeout(timer);
      clearInterval(watch);
      source.close();
      removeEventListener("online", connect);
      document.removeEventListener("visibilitychange", wake);
    },
  };
}

/**
 * Runs an async function one at a time; calls that come meanwhile become one more run, after as long a rest as the run
 * took: a page that is slow to reread is reread less often.
 */
export function coalesced(run) {
  let running = false;
  let again = false;
  return async function poke() {
    if (running) return void (again = true);
    running = true;
    do {
      again = false;
      const begun = performance.now();
      await run();
      const rest = performance.now() - begun;
      if (again) await new Promise((resume) => setTimeout(resume, Math.min(rest, 2000)));
    } while (again);
    running = false;
  };
}

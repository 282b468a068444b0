// The reader's language in scripts: the page carries the translations of its modules, English is in the source.

const table = JSON.parse(document.getElementById("words")?.textContent || "{}");
const lang = document.documentElement.lang || "en";

/** The translation of an English message; {name} takes the value of that name. */
export function t(message, values = {}) {
  return (table[message] ?? message).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** 5 -> "5 min", as the language writes it. */
export function minutes(count) {
  return new Intl.NumberFormat(lang, { style: "unit", unit: "minute", unitDisplay: "short" }).format(count);
}

/** 3 -> "3 seconds ago". */
export function secondsAgo(count) {
  return new Intl.RelativeTimeFormat(lang).format(-count, "second");
}

/** The time of day of an instant, in the page's zone. */
export function timeOf(instant) {
  const timeZone = /** @type {HTMLElement | null} */ (document.querySelector("[data-zone]"))?.dataset.zone;
  return new Intl.DateTimeFormat(lang, { timeStyle: "short", timeZone }).format(instant);
}

/** Says it to people who listen, once (the page's role=status region). */
export function announce(text) {
  const live = /** @type {HTMLElement} */ (document.getElementById("live"));
  live.textContent = "";
  setTimeout(() => (live.textContent = text), 100);
}

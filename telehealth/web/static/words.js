// The reader's language in scripts: the page carries the translations of its modules, English is in the source.

const table = JSON.parse(document.getElementById("words")?.textContent || "{}");
const lang = document.documentElement.lang || "en";

/** The translation of an English message; {name} takes the value of that name. */
export function t(message, values = {}) {
  return (table[message] ?? message).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** A number as the server reads it, whatever digits the keyboard writes (Arabic-Indic, say); NaN when it is none. */
export function numberOf(typed) {
  const plain = typed.replace(/\p{Nd}/gu, (digit) => String(valueOf(digit.codePointAt(0))));
  return Number(plain.trim().replace("\u066b", ".").replace("\u2212", "-").replace(",", ".") || NaN);
}

/** Decimal digits stand together in tens, 0 to 9 (Unicode 16, section 4.6), some sets of tens one after the other. */
function valueOf(code) {
  let first = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first -= 1;
  return (code - first) % 10;
}

/** 5 -> "5 min", as the language writes it. */
export function minutes(count) {
  return new Intl.NumberFormat(lang, { style: "unit", unit: "minute", unitDisplay: "short" }).format(count);
}

export function days(count) {
  return new Intl.NumberFormat(lang, { style: "unit", unit: "day", unitDisplay: "long" }).format(count);
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

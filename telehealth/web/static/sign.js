// The sign of something that is taken of the call, for all to see; the question to each, and the way out of it for all.

import { announce, t } from "./words.js";

/**
 * @param {object} options
 * @param {string} options.place the element it stands in
 * @param {"recording"|"captions"} options.tap what `state` and `consent` call it
 * @param {string} options.offered what `welcome` says of whether the house does it
 * @param {string} options.request the command that asks for it, and ends it
 * @param {boolean} options.host true for the clinician, who alone may ask
 * @param {(type: string, body: object) => void} options.say sends a command
 * @param {{offer: string, ask: string, waits: string, forget: string, on: string, stop: string, over: string}} options.words
 * @returns {{show(room: object): void, clear(): void}} show takes each `welcome` and `state` of the call
 */
export function consentSign({ place, tap, offered, request, host, say, words }) {
  const root = /** @type {any} */ (document.getElementById(place));
  let possible = false;
  let drawn = "none";
  let now = null;
  root.tabIndex = -1; // who pressed a button in it goes on from here, when the button has gone

  const answer = (given) => () => say("consent", { [tap]: now.id, given });
  const stop = () => (host ? say(request, { on: false }) : answer(false)());
  const signs = {
    offer: () => [null, [words.offer, () => say(request, { on: true })]],
    ask: () => [words.ask, [t("I agree"), answer(true)], [t("I do not agree"), answer(false)]],
    waits: () => [words.waits, [words.forget, stop]],
    on: () => [words.on, [words.stop, stop]],
  };

  function kind(room) {
    const { you, [tap]: taken } = room;
    if (!taken) return host && possible && you.admitted ? "offer" : "none";
    if (!taken.agreed.includes(you.participant)) return "ask";
    return taken.on ? "on" : "waits";
  }

  function show(room) {
    if (room.type === "welcome") possible = Boolean(room[offered]);
    now = room[tap] ?? null;
    draw(kind(room));
  }

  function draw(next) {
    if (next === drawn) return;
    const ended = drawn === "on" && ["none", "offer", "waits"].includes(next);
    drawn = next;
    const [text, ...buttons] = signs[next]?.() ?? [null];
    const held = root.contains(document.activeElement);
    root.className = next === "on" ? "note bad" : text ? "note warn" : "";
    root.replaceChildren(...(text ? [paragraph(text)] : []), row(buttons));
    root.hidden = next === "none";
    if (held) (root.hidden ? document.querySelector("#keys button:not([hidden])") : root)?.focus();
    if (text) announce(text);
    else if (ended) announce(words.over);
  }

  return { show, clear: () => draw("none") };
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}

function row(buttons) {
  const made = document.createElement("div");
  made.className = "row";
  for (const [text, press] of buttons) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "button quiet", textContent: text });
    button.addEventListener("click", press);
    made.append(button);
  }
  return made;
}

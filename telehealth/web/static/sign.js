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
 * @param {{offer: string, ask(welcome: object): string, waits: string, forget: string, on: string, stop: string}} options.words
 * @returns {{show(room: object): void, clear(): void}} show takes each `welcome` and `state` of the call
 */
export function consentSign({ place, tap, offered, request, host, say, words }) {
  const root = /** @type {any} */ (document.getElementById(place));
  let welcome = {};
  let drawn = "none";
  let now = null;
  let pressed = false;
  let late = 0;
  let told = null;
  root.tabIndex = -1; // who pressed a button in it goes on from here, when the button has gone

  const answer = (given) => () => say("consent", { [tap]: now.id, given });
  const stop = () => (host ? say(request, { on: false }) : answer(false)());
  const signs = {
    offer: () => [told, [words.offer, () => say(request, { on: true })]],
    ask: () => [words.ask(welcome), [t("I agree"), answer(true)], [t("I do not agree"), answer(false)]],
    waits: () => [words.waits, [words.forget, stop]],
    on: () => [words.on, [words.stop, stop]],
  };

  /** Why it is no more, as the clinician is told; not that they stopped it themselves. */
  const reasons = { declined: t("Not everybody agrees."), withdrawn: t("Somebody no longer agrees."), over: words.waits };

  function kind(room) {
    const { you, [tap]: taken } = room;
    if (!taken) return host && welcome[offered] && you.admitted ? "offer" : "none";
    if (!taken.agreed.includes(you.participant)) return "ask";
    return taken.on ? "on" : "waits";
  }

  function show(room) {
    if (room.type === "welcome") welcome = room;
    const ended = now && !room[tap];
    now = room[tap] ?? null;
    const why = reasons[room[`${tap}_ended`]] ?? null;
    draw(kind(room), why);
    if (ended && !why) announce(words.waits);
  }

  function draw(next, why = null) {
    if (next === drawn && why === told) return;
    clearTimeout(late);
    pressed = false;
    drawn = next;
    told = why;
    const [text, ...buttons] = signs[next]?.() ?? [null];
    const held = root.contains(document.activeElement);
    root.className = next === "on" ? `note ${tap === "recording" ? "bad" : "info"}` : text ? "note warn" : "";
    root.replaceChildren(...(text ? [paragraph(text)] : []), row(buttons, once));
    root.hidden = next === "none";
    if (held) (root.hidden ? document.querySelector("#keys button:not([hidden])") : root)?.focus();
    if (text) announce(text);
  }

  const once = (press) => () => {
    if (pressed) return;
    pressed = true;
    late = setTimeout(() => (pressed = false), 4000);
    press();
  };

  return { show, clear: () => ((now = null), draw("none")) };
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}

function row(buttons, once) {
  const made = document.createElement("div");
  made.className = "row";
  for (const [text, press] of buttons) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "button quiet", textContent: text });
    button.addEventListener("click", once(press));
    made.append(button);
  }
  return made;
}

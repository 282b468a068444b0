// Whether the call is recorded: a sign that everybody sees, the question to each, and the way out of it for all.

import { announce, t } from "./words.js";

/**
 * @param {object} options
 * @param {boolean} options.host true for the clinician, who alone may ask
 * @param {(type: string, body: object) => void} options.say sends a command
 * @returns {{show(room: object): void, clear(): void}} show takes each `welcome` and `state` of the call
 */
export function recordingSign({ host, say }) {
  const root = /** @type {HTMLElement} */ (document.getElementById("recording"));
  let offered = false;
  let drawn = "none";
  let now = null;

  const stop = () => (host ? say("record_request", { on: false }) : say("consent", { recording: now.id, given: false }));
  const answer = (given) => () => say("consent", { recording: now.id, given });
  const signs = {
    offer: () => [null, [t("Record the call"), () => say("record_request", { on: true })]],
    ask: () => [
      t("The clinician would like to record this call. It is recorded only if everybody in it agrees."),
      [t("I agree"), answer(true)],
      [t("I do not agree"), answer(false)],
    ],
    waits: () => [t("Nothing is recorded yet: not everybody has agreed."), [t("Do not record"), stop]],
    on: () => [t("This call is being recorded."), [t("Stop recording"), stop]],
  };

  function kind({ you, recording }) {
    if (!recording) return host && offered && you.admitted ? "offer" : "none";
    if (!recording.agreed.includes(you.participant)) return "ask";
    return recording.on ? "on" : "waits";
  }

  function show(room) {
    if (room.type === "welcome") offered = Boolean(room.records);
    now = room.recording ?? null;
    draw(kind(room));
  }

  function draw(next) {
    if (next === drawn) return;
    const ended = drawn === "on" && ["none", "offer", "waits"].includes(next);
    drawn = next;
    const [text, ...buttons] = signs[next]?.() ?? [null];
    root.className = next === "on" ? "note bad" : text ? "note warn" : "";
    root.replaceChildren(...(text ? [paragraph(text)] : []), row(buttons));
    root.hidden = next === "none";
    if (text) announce(text);
    else if (ended) announce(t("The call is no longer recorded."));
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

// What is said in the call, to read: whole sentences are read aloud to who listens, what has only begun is not.

import { callers } from "./callers.js";
import { captionWays, keepCaptionWays } from "./kept.js";
import { t } from "./words.js";

/** @typedef {import("./call.js").Person} Person */
/** @typedef {{type: string, captions: string, participant: string, text: string, final: boolean, number: number, available?: boolean}} Caption */
/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const MOST_LINES = 40;

/** @param {{nameOf: (person: Person) => string}} options what the page calls somebody; "" when it does not know */
export function captionArea({ nameOf }) {
  const area = $("captions");
  const lines = $("caption-lines");
  const key = $("caption-key");
  const size = $("caption-size");
  const people = callers(nameOf);
  /** @type {Map<string, HTMLElement>} */
  const begun = new Map();
  let id = "";
  let on = false;
  let last = 0;
  press(key, !captionWays().includes("away"));
  press(size, captionWays().includes("larger"));
  key.onclick = size.onclick = ({ currentTarget }) => turn(currentTarget);
  clear("");

  /** @param {import("./call.js").Room & {captions?: {id: string, on: boolean}}} room */
  function follow(room) {
    people.follow(room);
    if ((room.captions?.id ?? "") !== id) clear(room.captions?.id ?? "");
    on = Boolean(room.captions?.on);
    if (!on) forget();
    draw();
  }

  function turn(pressedNow) {
    press(pressedNow, !pressed(pressedNow));
    keepCaptionWays([...(pressed(key) ? [] : ["away"]), ...(pressed(size) ? ["larger"] : [])]);
    draw();
  }

  function draw() {
    key.hidden = size.hidden = !on;
    area.hidden = !on || !pressed(key);
    area.classList.toggle("larger", pressed(size));
    down();
  }

  function clear(next) {
    id = next;
    last = 0;
    lines.replaceChildren();
    $("caption-told").textContent = "";
    forget();
  }

  function forget() {
    begun.clear();
    $("caption-now").replaceChildren();
  }

  /** @param {Caption} message */
  function hear(message) {
    if (message.captions !== id) return;
    if (message.type === "caption_state") return tell(Boolean(message.available));
    if (!on || message.number <= last) return; // late, or heard before
    last = message.number;
    begun.get(message.participant)?.remove();
    begun.delete(message.participant);
    if (message.final) whole(message);
    else begin(message);
    down();
  }

  function tell(available) {
    $("caption-told").textContent = available ? "" : t("Captions are not available now. They come back by themselves.");
  }

  /** @param {Caption} message */
  function whole(message) {
    lines.append(filled(document.createElement("li"), message));
    while (lines.children.length > MOST_LINES) lines.firstElementChild.remove();
  }

  /** @param {Caption} message */
  function begin(message) {
    const line = filled(document.createElement("p"), message);
    begun.set(message.participant, line);
    $("caption-now").append(line);
  }

  /**
   * @param {HTMLElement} line
   * @param {Caption} message
   */
  function filled(line, { participant, text }) {
    const name = document.createElement("bdi");
    const words = document.createElement("bdi");
    name.className = "who";
    name.textContent = people.named(participant);
    words.textContent = text;
    words.dir = "auto";
    line.append(name, " ", words);
    return line;
  }

  const down = () => $("caption-box").scrollTo(0, $("caption-box").scrollHeight);

  return {
    follow,
    hear,
    close() {
      on = false;
      clear("");
      draw();
    },
  };
}

const pressed = (key) => key.getAttribute("aria-pressed") === "true";
const press = (key, on) => key.setAttribute("aria-pressed", String(on));

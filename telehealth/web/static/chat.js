// What is written in a call: read again on coming back, said aloud to who listens, counted while the panel is closed.

import { call } from "./api.js";
import { callers } from "./callers.js";
import { disclosure } from "./panels.js";
import { announce, t, timeOf } from "./words.js";

/** @typedef {import("./call.js").Person} Person */
/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);

/**
 * @param {object} options
 * @param {string} options.path where what was written before is read
 * @param {(text: string) => Promise<string>} options.send answers "" or why it was not said
 * @param {(person: Person) => string} options.nameOf what the page calls somebody; "" when it does not know
 */
export function chatPanel({ path, send, nameOf }) {
  const key = $("chat-key");
  const log = $("chat-log");
  const text = $("chat-text");
  const form = $("chat-form");
  const people = callers(nameOf);
  const { isOpen, close } = disclosure(key, () => (count(0), text.focus(), down()));
  let unread = 0;
  let gone = false;
  close();
  count(0);
  form.onsubmit = say;
  text.onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  };

  /** @param {number} now */
  function count(now) {
    unread = now;
    key.textContent = now ? t("Chat ({count} new)", { count: now }) : t("Chat");
  }

  /** @param {import("./call.js").Room & {type?: string, resumed?: boolean}} room */
  function follow(room) {
    people.follow(room);
    const alone = !room.you.admitted || !room.peers.some(({ held }) => !held);
    text.disabled = $("chat-send").disabled = alone;
    $("chat-alone").hidden = !alone;
    if (room.type === "welcome" && !room.resumed && room.you.admitted) recall();
  }

  async function recall() {
    const { body } = await call("GET", path).catch(() => ({ body: null }));
    if (gone || !body) return;
    $("chat-box").ariaBusy = "true"; // read when it was said, not now
    log.replaceChildren(...body.items.map(item));
    $("chat-box").ariaBusy = "false";
    down();
  }

  /** @param {{participant: string, kind?: string, at?: string, text: string}} message */
  function item({ participant, at, text: words }) {
    const line = document.createElement("li");
    const who = document.createElement("p");
    const said = document.createElement("p");
    const time = document.createElement("time");
    const name = document.createElement("bdi");
    name.textContent = people.named(participant);
    time.textContent = timeOf(at ? new Date(at) : new Date());
    who.className = "hint";
    who.append(name, " ", time);
    said.dir = "auto";
    said.textContent = words;
    line.classList.toggle("mine", people.isMe(participant));
    line.append(who, said);
    return line;
  }

  /** @param {{participant: string, text: string}} message */
  function hear(message) {
    log.append(item(message));
    down();
    if (isOpen()) return; // the log is read by itself
    count(unread + 1);
    announce(t("{name} writes: {text}", { name: people.named(message.participant), text: message.text }));
  }

  /** @param {Event} event */
  async function say(event) {
    event.preventDefault();
    const words = text.value.trim();
    if (!words) return;
    text.value = ""; // who types on is not held up
    const fault = await send(words);
    $("chat-fault").textContent = fault ? t("This was not sent. Try again.") : "";
    if (fault) text.value = [words, text.value].filter(Boolean).join("\n");
    if (fault) return;
    log.append(item({ participant: people.me(), text: words }));
    down();
  }

  const down = () => $("chat-box").scrollTo(0, log.scrollHeight);

  return {
    follow,
    hear,
    close() {
      gone = true;
      close();
      count(0);
    },
  };
}

// Notifications in this browser: one button turns them on and off. Without a way to show any, it stays hidden.

import { call } from "./api.js";
import { announce, t } from "./words.js";

/** @type {any} */
const place = document.getElementById("notify");
const WORKER = "/static/notifier.js";

/** What the server knows a browser by. */
async function mark(endpoint) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return [...new Uint8Array(digest)].map((octet) => octet.toString(16).padStart(2, "0")).join("");
}

const octets = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));

/** A worker that runs: nothing can be asked of another. */
async function running() {
  const registration = await navigator.serviceWorker.register(WORKER);
  const worker = registration.active || registration.waiting || registration.installing;
  while (worker && worker.state !== "activated") {
    if (worker.state === "redundant") throw new Error("no worker");
    await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
  }
  return registration;
}

async function attend(button, said) {
  const { door } = place.dataset;
  const { key, known } = (await call("GET", door)).body;
  if (!key) return;
  let isOn = false;

  const current = async () => (await navigator.serviceWorker.getRegistration(WORKER))?.pushManager.getSubscription();

  /** What the worker shows the server when the push service gives this browser another place. */
  async function remember(subscription) {
    const told = Response.json({ subscription: subscription.toJSON(), key: [...octets(key)] });
    await (await caches.open("notifications")).put("/static/subscription", told);
  }

  function draw() {
    const blocked = Notification.permission === "denied";
    button.hidden = blocked;
    button.textContent = isOn ? t("Turn off notifications in this browser") : t("Turn on notifications in this browser");
    if (blocked) said.textContent = t("Notifications are blocked in the settings of this browser.");
    place.hidden = false;
  }

  async function turnOn() {
    if ((await Notification.requestPermission()) !== "granted") return;
    const { pushManager } = await running();
    await (await pushManager.getSubscription())?.unsubscribe(); // it may be of another key
    const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: octets(key) });
    await call("POST", door, subscription.toJSON());
    await remember(subscription);
    isOn = true;
  }

  async function turnOff() {
    const subscription = await current();
    if (subscription) {
      await call("POST", `${door}/forget`, { endpoint: subscription.endpoint });
      await subscription.unsubscribe();
    }
    await caches.delete("notifications");
    isOn = false;
  }

  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = "";
    try {
      await (isOn ? turnOff() : turnOn());
      said.textContent = isOn ? t("This browser shows notifications.") : "";
    } catch {
      said.textContent = t("That did not work. Please try again.");
    }
    button.disabled = false;
    draw();
    announce(said.textContent);
  });

  const subscription = await current().catch(() => null);
  isOn = Boolean(subscription) && known.includes(await mark(/** @type {any} */ (subscription).endpoint));
  draw();
  if (isOn) await remember(subscription); // asked for before this was kept, or renewed without hearing that it was
}

if (place && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window) {
  attend(place.querySelector("button"), place.querySelector("p")).catch(() => {});
}

// The service worker: shows what comes while no page is open, and opens its page. No page's requests pass through it.

{
  const worker = /** @type {any} */ (self);

  worker.addEventListener("install", () => worker.skipWaiting());
  worker.addEventListener("push", (event) => event.waitUntil(show(event.data)));
  worker.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event)));
  worker.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(lead(event.notification.data));
  });

  const show = async (data) => {
    const told = data.json();
    await worker.registration.showNotification(told.title, {
      body: told.body,
      lang: told.lang,
      dir: told.dir,
      tag: told.tag, // what is told later of the same thing takes its place
      renotify: true,
      requireInteraction: told.stays,
      icon: "/static/icon.svg",
      data: { path: told.path },
    });
    if (told.shown) await fetch(told.shown, { method: "POST", credentials: "omit" }).catch(() => {});
  };

  // The push service has given this browser another place, or taken the former one away: the server is told of the new
  // one by what it was told of the former. What not all browsers say here, notify.js has kept.
  const renew = async ({ newSubscription }) => {
    const { keeper, subscription: former, key } = await kept();
    if (!former) return;
    const { pushManager } = worker.registration;
    const options = { userVisibleOnly: true, applicationServerKey: Uint8Array.from(key) };
    const given = newSubscription || (await pushManager.getSubscription());
    const isNew = given && given.endpoint !== former.endpoint;
    const present = (isNew ? given : await pushManager.subscribe(options)).toJSON();
    const answer = await fetch("/v1/devices/renewed", {
      method: "POST",
      credentials: "omit",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ former, present }),
    });
    if (answer.ok) await keeper.put("/static/subscription", Response.json({ subscription: present, key }));
  };

  const kept = async () => {
    const keeper = await worker.caches.open("notifications");
    const found = await keeper.match("/static/subscription");
    return { keeper, ...(found ? await found.json() : {}) };
  };

  // To the page that is open already, if there is one.
  const lead = async ({ path }) => {
    const url = new URL(path, worker.location.origin);
    if (url.origin !== worker.location.origin) return;
    const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
    const open = pages.find((page) => page.url === url.href);
    await (open ? open.focus() : worker.clients.openWindow(url.href));
  };
}

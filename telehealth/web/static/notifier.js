// The service worker: shows what comes while no page is open, and opens its page. No page's requests pass through it.

{
  const worker = /** @type {any} */ (self);

  worker.addEventListener("install", () => worker.skipWaiting());
  worker.addEventListener("push", (event) => event.waitUntil(show(event.data)));
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

  // To the page that is open already, if there is one.
  const lead = async ({ path }) => {
    const url = new URL(path, worker.location.origin);
    if (url.origin !== worker.location.origin) return;
    const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
    const open = pages.find((page) => page.url === url.href);
    await (open ? open.focus() : worker.clients.openWindow(url.href));
  };
}

// The patient's place in the queue: reread when something changed, and now and then because time passes.

import { reread } from "./api.js";
import { coalesced, listen } from "./stream.js";
import { announce, t } from "./words.js";

const OLD = 60_000; // an estimate is not older than this
/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const place = $("place");
const notice = $("notice");

function said(root) {
  return [...root.querySelectorAll("h2, #estimate, .note p:first-child")].map((each) => each.textContent.trim());
}

function lost(text) {
  if (notice.textContent !== text && text) announce(text);
  notice.textContent = text;
  notice.hidden = !text;
}

const refresh = coalesced(async () => {
  const page = await reread(() => location.reload());
  if (!page) return lost(t("We cannot reach the clinic just now. Keep this page open; you keep your place."));
  const next = page.getElementById("place");
  if (!next) return location.reload(); // it is their turn
  lost("");
  const before = said(place);
  const focused = document.activeElement?.id;
  place.replaceChildren(...[...next.childNodes].map((node) => document.importNode(node, true)));
  if (focused) $(focused)?.focus();
  const news = said(place).filter((each) => !before.includes(each));
  if (news.length) announce(news.join(" "));
  if (next.dataset.waits !== "true") stream.close();
});

const stream = listen(place.dataset.stream, refresh);
setInterval(refresh, OLD);

// A visit at the desk: says when somebody else has changed it, and how well the call went for each. What is being typed
// stays; the page is loaded by hand.

import { call, reread } from "./api.js";
import { coalesced, listen } from "./stream.js";
import { announce, minutes, t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const may = $("may");
const changed = $("changed");

const look = coalesced(async () => {
  const page = await reread(() => location.reload());
  const next = page?.getElementById("may");
  if (!next || next.dataset.revision === may.dataset.revision || !changed.hidden) return;
  changed.hidden = false;
  announce(changed.querySelector("p").textContent);
});

async function showCall() {
  const { body } = await call("GET", may.dataset.call).catch(() => ({ body: { items: [] } }));
  for (const each of body.items) {
    const words = document.createElement("p");
    words.className = "hint";
    words.textContent = told(each);
    $(`participant-${each.participant}`)?.append(words);
  }
}

function told({ minutes: length, rtt_ms, worst_rtt_ms, loss, worst_loss, frozen_seconds, relayed }) {
  const share = (value) => new Intl.NumberFormat(document.documentElement.lang, { style: "percent" }).format(value);
  const words = [
    t("In the call: {time}", { time: minutes(length) }),
    t("round trip {usual} ms, at worst {worst} ms", { usual: rtt_ms, worst: worst_rtt_ms }),
    t("lost {usual}, at worst {worst}", { usual: share(loss), worst: share(worst_loss) }),
    t("picture stood still for {seconds} s", { seconds: frozen_seconds }),
  ];
  if (relayed > 0) words.push(t("{share} over a relay", { share: share(relayed) }));
  return words.join(" · ");
}

listen(may.dataset.stream, look);
showCall();

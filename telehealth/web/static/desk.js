// A visit at the desk: says when somebody else has changed it. What is being typed stays; the page is loaded by hand.

import { reread } from "./api.js";
import { coalesced, listen } from "./stream.js";
import { announce } from "./words.js";

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

listen(may.dataset.stream, look);

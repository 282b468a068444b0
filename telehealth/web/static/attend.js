// A companion's page: follows their part in the visit. It says when the link is over; without scripts it reloads.

import { reread } from "./api.js";
import { coalesced, listen } from "./stream.js";
import { announce } from "./words.js";

const $ = (id) => document.getElementById(id);
const part = $("attend");

const refresh = coalesced(async () => {
  const page = await reread(gone);
  const next = page?.getElementById("attend");
  if (page?.getElementById("elsewhere")) return void location.reload();
  if (!next || next.innerHTML === part.innerHTML) return;
  const stage = part.dataset.stage;
  part.dataset.stage = next.dataset.stage;
  part.replaceChildren(...[...next.childNodes].map((each) => document.importNode(each, true)));
  if (stage !== part.dataset.stage) tell($("stage-title"));
});

function gone() {
  stream.close();
  part.hidden = true;
  $("gone").hidden = false;
  tell($("gone-title"));
}

function tell(title) {
  title.focus();
  announce(title.textContent);
}

const stream = listen(`/v1/visits/${part.dataset.visit}/attendance/stream`, refresh);
const opens = Date.parse(part.dataset.opens) - Date.now();
if (opens > 0 && opens < 2 ** 31) setTimeout(refresh, opens + 500);

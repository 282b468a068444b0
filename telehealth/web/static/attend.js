// A companion's page: follows their part in the visit, and has the call once they are let in and press for it. It says
// when the link is over; without scripts it reloads.

import { reread } from "./api.js";
import { coalesced, listen } from "./stream.js";
import { talk } from "./talk.js";
import { announce, t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const part = $("attend");
const visitId = part.dataset.visit;
let calling = false;

const conversation = talk({
  visitId,
  tickets: "attendance/tickets",
  chat: "attendance/chat",
  sends: !("watches" in part.dataset),
  nameOf: ({ role }) => (role === "clinician" ? part.dataset.clinician : role === "patient" ? t("Patient") : ""),
  onTrouble: out,
  onEnd: (words) => (out(words), refresh()),
});

const refresh = coalesced(async () => {
  const page = await reread(gone);
  const next = page?.getElementById("attend");
  if (page?.getElementById("elsewhere")) return void location.reload();
  if (!next || next.innerHTML === part.innerHTML) return;
  const stage = part.dataset.stage;
  part.dataset.stage = next.dataset.stage;
  part.replaceChildren(...[...next.childNodes].map((each) => document.importNode(each, true)));
  if (stage === part.dataset.stage) return;
  if (calling && part.dataset.stage !== "let_in") out("");
  show();
  if (!calling) tell($("stage-title"));
});

function show() {
  part.hidden = calling;
  $("call").hidden = !calling;
  $("back").hidden = calling || part.dataset.stage !== "let_in";
  if ($("watches")) $("watches").hidden = $("back").hidden;
}

function out(words) {
  calling = false;
  conversation.stop();
  $("notice").textContent = words;
  $("notice").hidden = !words;
  show();
}

$("back").addEventListener("click", () => {
  out("");
  calling = true;
  show();
  $("call-title").focus();
  conversation.start();
});
$("leave").addEventListener("click", () => {
  out("");
  $("back").focus();
});

function gone() {
  stream.close();
  out("");
  part.hidden = $("back").hidden = true;
  $("gone").hidden = false;
  tell($("gone-title"));
}

function tell(title) {
  title.focus();
  announce(title.textContent);
}

const stream = listen(`/v1/visits/${visitId}/attendance/stream`, refresh);
const opens = Date.parse(part.dataset.opens) - Date.now();
if (opens > 0 && opens < 2 ** 31) setTimeout(refresh, opens + 500);
show();

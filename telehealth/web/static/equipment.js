// A device or an observer, let into the visit by the clinician: where it connects to and with what, told once.

import { call } from "./api.js";
import { announce, t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);

/** Lets the panel of the page work. @param {string} visitId */
export function equipment(visitId) {
  const form = $("equipment-form");
  $("equipment").hidden = false;
  form.addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const { kind, name } = Object.fromEntries(new FormData(form));
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const { body } = await call("POST", `/v1/visits/${visitId}/media-credentials`, { kind, name });
      tell(body);
      form.reset();
    } catch (/** @type {any} */ refusal) {
      $("equipment-fault").textContent = refusal.problem?.title || t("That did not work. Please try again.");
    }
    button.disabled = false;
  });
}

/** @param {{endpoint: string, token: string}} made */
function tell({ endpoint, token }) {
  $("equipment-fault").textContent = "";
  $("equipment-endpoint").textContent = endpoint;
  $("equipment-token").textContent = token;
  $("equipment-made").hidden = false;
  announce(t("Enter both at the device within half an hour. They are shown only now."));
}

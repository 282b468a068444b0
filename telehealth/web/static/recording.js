// Whether the call is recorded.

import { consentSign } from "./sign.js";
import { days, t } from "./words.js";

/** @param {{host: boolean, say: (type: string, body: object) => void}} options see `consentSign` */
export function recordingSign({ host, say }) {
  return consentSign({
    place: "recording",
    tap: "recording",
    offered: "records",
    request: "record_request",
    host,
    say,
    words: {
      offer: t("Record the call"),
      ask: ({ kept_days = 0 }) =>
        t(
          "The clinician would like to record this call. It is recorded only if everybody in it agrees, until anybody stops it, and kept for {time}.",
          { time: days(kept_days) },
        ),
      waits: t("Nothing is recorded now."),
      forget: t("Do not record"),
      on: t("This call is being recorded."),
      stop: t("Stop recording"),
    },
  });
}

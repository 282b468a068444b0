// Whether what is said in the call is written down for all to read.

import { consentSign } from "./sign.js";
import { t } from "./words.js";

/** @param {{host: boolean, say: (type: string, body: object) => void}} options see `consentSign` */
export function captionSign({ host, say }) {
  return consentSign({
    place: "captioning",
    tap: "captions",
    offered: "captioning",
    request: "caption_request",
    host,
    say,
    words: {
      offer: t("Turn on live captions"),
      ask: () =>
        t(
          "The clinician would like to turn on live captions: while you speak, a program of the clinic writes down what is said, for all to read. It is not kept, and there are captions only if everybody in the call agrees.",
        ),
      waits: t("The captions are off."),
      forget: t("Do without captions"),
      on: t("Live captions are on: what everybody says can be read."),
      stop: t("Stop the captions"),
    },
  });
}

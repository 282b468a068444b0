// Files are sent in pieces (tus 1.0.0): what is cut goes on where it was. Without scripts the form does it in one.

import { reread } from "./api.js";
import { t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);
const TUS = { "Tus-Resumable": "1.0.0" };
const PIECE = 4 * 1024 * 1024;
const TRIES = 8; // in a row without a byte that arrived
const LONGEST = 15_000;

const form = $("upload");

/** The form of this page, if it has one, sends its file in pieces. */
export function sendInPieces() {
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    const [file] = $("file").files;
    if (file) send(file);
  });
}

/** Not taken; `reason` is one the form has words for. */
class NotTaken extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** @param {File} file */
async function send(file) {
  const button = form.querySelector("button");
  if (button.disabled) return;
  button.disabled = true;
  wrong("");
  try {
    if (file.size > Number(form.dataset.largest)) throw new NotTaken("file-too-large");
    if (!file.size) throw new NotTaken("empty");
    progress(0, file.size);
    await upload(file);
    form.reset();
    await redraw();
  } catch (error) {
    wrong(error instanceof NotTaken ? error.reason : "other");
  } finally {
    $("sending").hidden = true;
    button.disabled = false;
  }
}

/** @param {File} file */
async function upload(file) {
  const name = btoa(String.fromCharCode(...new TextEncoder().encode(file.name.slice(-200))));
  const at = await patiently(() => begin(file.size, name));
  let offset = 0;
  while (offset < file.size) {
    const from = offset;
    offset = await patiently(async (again) => {
      const start = again ? await come(at) : from;
      return start === file.size ? start : piece(at, start, file.slice(start, start + PIECE));
    });
    progress(offset, file.size);
  }
}

async function begin(length, name) {
  const headers = { ...TUS, "Upload-Length": String(length), "Upload-Metadata": `filename ${name}` };
  const response = await ask(form.dataset.api, { method: "POST", headers });
  return response.headers.get("Location");
}

/** How far the upload has come. */
async function come(at) {
  return Number((await ask(at, { method: "HEAD", headers: TUS })).headers.get("Upload-Offset"));
}

async function piece(at, offset, body) {
  const headers = { ...TUS, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
  return Number((await ask(at, { method: "PATCH", headers, body })).headers.get("Upload-Offset"));
}

/** Throws NotTaken for good, any other Error for now. */
async function ask(path, options) {
  const response = await fetch(path, { ...options, cache: "no-store" });
  if (response.ok) return response;
  const { status } = response;
  if (status >= 500 || status === 409 || status === 429) {
    const slug = slugOf(await response.json().catch(() => ({})));
    if (["too-many-files", "no-file-storage", "not-to-be-attached"].includes(slug)) throw new NotTaken(slug);
    throw new Error(String(status));
  }
  const problem = await response.json().catch(() => ({}));
  throw new NotTaken(problem.reason ?? slugOf(problem));
}

const slugOf = ({ type = "" }) => type.slice(type.lastIndexOf("/") + 1);

/** Tries again, later each time, what failed for now. */
async function patiently(act) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await act(tries > 0);
    } catch (error) {
      if (error instanceof NotTaken || tries === TRIES) throw error;
      $("sending-words").textContent = t("The connection is gone. It goes on by itself.");
      await new Promise((done) => setTimeout(done, Math.min(500 * 2 ** tries, LONGEST)));
    }
  }
}

function progress(offset, length) {
  $("sending").hidden = false;
  $("sent").value = (100 * offset) / length;
  $("sending-words").textContent = offset < length ? t("Sending…") : t("Being checked…");
}

function wrong(reason) {
  const words = form.querySelector(`[data-reason="${CSS.escape(reason)}"]`) ?? form.querySelector('[data-reason="other"]');
  $("file-error").textContent = reason ? words.textContent : "";
  $("file").toggleAttribute("aria-invalid", Boolean(reason));
  form.querySelector(".field").classList.toggle("wrong", Boolean(reason));
}

/** The list as the server has it now. */
async function redraw() {
  const page = await reread(() => location.reload());
  const [list, none] = [page?.getElementById("files"), page?.getElementById("none")];
  if (list) $("files").replaceWith(list);
  if (none) $("none")?.replaceWith(none);
}

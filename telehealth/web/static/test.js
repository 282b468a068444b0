// The public check: what the visit's own check does, for nobody, with a report that stays on this device.

import { call } from "./api.js";
import { checkup } from "./checkup.js";
import { WAYS } from "./precheck.js";
import { announce, t } from "./words.js";

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);

const check = checkup({
  iceServers: async () => (await call("GET", "/v1/check/ice-servers")).body.ice_servers,
  exchange: async (offer) => (await call("POST", "/v1/check", offer)).body,
  onMeasured() {
    $("figures").replaceChildren(
      ...rows().flatMap(([name, value]) => [element("dt", name), element("dd", value)]),
    );
    $("report").hidden = false;
    announce($("report-title").textContent);
  },
});

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** [name, value] of everything that was found, as a person reads it. */
function rows() {
  const { network } = check.found;
  const known = (value, unit) => (value === null ? t("Not measured") : `${value} ${unit}`);
  const open = { open: t("Works"), blocked: t("Blocked") };
  const names = {
    udp: t("Straight to the clinic (UDP)"),
    turn_udp: t("Over the relay by UDP"),
    turn_tcp: t("Over the relay by TCP"),
    turn_tls: t("Over the relay by TLS"),
  };
  return [
    [t("Camera"), word(check.found.camera)],
    [t("Microphone"), word(check.found.microphone)],
    [t("Speaker"), word(check.found.speaker)],
    [t("Connection"), $("network-result").textContent],
    [t("Delay"), known(network.rtt_ms === null ? null : Math.round(network.rtt_ms), "ms")],
    [t("Loss"), known(Math.round(network.loss * 1000) / 10, "%")],
    [t("Sending"), known(network.kbps_up, "kbit/s")],
    [t("Receiving"), known(network.kbps_down, "kbit/s")],
    ...WAYS.map((way) => [names[way], open[network.ways?.[way]] ?? t("Not used here")]),
  ];
}

function word(code) {
  const words = { ok: t("Works"), off: t("Off"), silent: t("Heard nothing"), unchecked: t("Not checked yet") };
  return words[code] ?? code;
}

function report() {
  return { made_at: new Date().toISOString(), address: location.origin, browser: navigator.userAgent, ...check.found };
}

/** The report as a page that needs nothing else. */
function page() {
  const safe = (text) => String(text).replace(/[&<>]/g, (each) => `&#${each.charCodeAt(0)};`);
  const { made_at, address, browser } = report();
  const told = [...rows(), [t("Time"), made_at], [t("Address"), address], [t("Browser"), browser]];
  const { lang, dir } = document.documentElement;
  const title = safe(document.title);
  return `<!doctype html><html lang="${lang}" dir="${dir}"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>
<table>${told.map(([name, value]) => `<tr><th scope="row">${safe(name)}<td>${safe(value)}`).join("\n")}</table></html>`;
}

function save(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

$("save-page").addEventListener("click", () => save("call-check.html", "text/html", page()));
$("save-json").addEventListener("click", () =>
  save("call-check.json", "application/json", JSON.stringify(report(), null, 2)),
);

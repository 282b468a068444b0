"""A page with nothing but a call on it, to see telehealth/web/static/call.js at work."""

from starlette.responses import Response

from telehealth.http.call import Call
from telehealth.http.credentials import set_cookie
from telehealth.http.operation import PUBLIC, operation, page

HTML = """<!doctype html><title>Call</title><body><video autoplay playsinline muted></video>
<script type="module" src="/v1/call-page.js"></script>"""

# What a test looks at: states, the call itself, and what the browser says of its connection.
SCRIPT = """
import { joinCall } from "/static/call.js";
import { uplink } from "/static/uplink.js";
const { searchParams } = new URL(location.href);
const Real = RTCPeerConnection;
window.states = [];
window.peers = [];
window.heard = [];
window.closings = [];
const counted = (Made) => class extends Made {
  constructor(configuration) {
    super({ ...configuration, iceTransportPolicy: searchParams.get("policy") ?? "all" });
    window.peers.push(this);
  }
  createDataChannel(label) { // this one carries no media: it is asked for addresses
    window.peers = window.peers.filter((peer) => peer !== this);
    return super.createDataChannel(label);
  }
  close() {
    if (this.connectionState !== "closed") window.closings.push(left(this));
    super.close();
  }
};
window.RTCPeerConnection = counted(Real);
// Those that are made in a frame are of this page too.
const { get } = Object.getOwnPropertyDescriptor(HTMLIFrameElement.prototype, "contentWindow");
Object.defineProperty(HTMLIFrameElement.prototype, "contentWindow", {
  get() {
    const there = get.call(this);
    there.RTCPeerConnection = counted(there.RTCPeerConnection);
    return there;
  },
});
// Of a connection that is closed: the frames that had come by it, and by the others that are still open.
const left = async (closed) => {
  const open = window.peers.filter((peer) => peer !== closed && peer.connectionState !== "closed");
  const counted = await Promise.all([closed, ...open].map(async (peer) => frames(await peer.getStats())));
  return { by: counted[0], others: Math.max(0, ...counted.slice(1)) };
};
const frames = (stats) => {
  const arriving = [...stats.values()].filter(({ type }) => type === "inbound-rtp");
  return arriving.reduce((sum, { framesDecoded }) => sum + (framesDecoded ?? 0), 0);
};
window.decoded = async () => {
  if (!window.peers.length || !document.querySelector("video").videoWidth) return 0;
  const stats = [...(await window.peers.at(-1).getStats()).values()];
  return stats.find(({ type, kind }) => type === "inbound-rtp" && kind === "video")?.framesDecoded ?? 0;
};
// Of each video on the page, the frames it has shown.
const shown = (video) => video.getVideoPlaybackQuality().totalVideoFrames;
window.faces = () => [...document.querySelectorAll("video")].map(shown);
window.pair = async () => {
  const stats = await window.peers.at(-1).getStats();
  const transport = [...stats.values()].find(({ type }) => type === "transport");
  const pair = stats.get(transport.selectedCandidatePairId);
  return [stats.get(pair.localCandidateId).candidateType, stats.get(pair.remoteCandidateId).candidateType];
};
window.figures = async () => {
  const peer = window.peers.at(-1);
  if (!peer) return "no connection";
  const stats = [...(await peer.getStats()).values()].filter(({ type }) => type.endsWith("bound-rtp"));
  const names = ["type", "kind", "packetsReceived", "packetsSent", "framesDecoded", "framesEncoded"];
  const { connectionState, signalingState, iceConnectionState, iceGatheringState } = peer;
  const about = [window.peers.length, connectionState, signalingState, iceConnectionState, iceGatheringState];
  return JSON.stringify([about, window.room, stats.map((each) => names.map((name) => each[name]))]);
};
window.audible = async () => {
  const stats = [...(await window.peers.at(-1).getStats()).values()];
  return stats.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio")?.packetsReceived ?? 0;
};
window.room = null;
window.captions = [];
window.losses = [];
window.limits = [];
window.sharing = [];
window.local = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } });
window.call = joinCall({
  visitId: searchParams.get("visit"),
  host: searchParams.has("host"),
  tickets: searchParams.get("tickets") ?? undefined,
  local: window.local,
  remoteVideo: document.querySelector("video"),
  onState: (state) => window.states.push(state),
  onRoom(room) {
    window.room = room;
    if (room.type === "welcome") window.offered = room.records;
    if (room.type === "welcome") window.captioning = room.captioning;
  },
  onCaption: (message) => window.captions.push(message),
  onLimit: (picture) => window.limits.push(picture),
  onChat({ from, text }) {
    document.title = `${from}: ${text}`;
    window.heard.push(text);
  },
});
window.up = uplink({
  local: window.local,
  put: (track) => window.call.put(track),
  isOff: (kind) => (window.off ?? []).includes(kind),
  onLost: (kinds) => window.losses.push(kinds),
  onShare: (now) => window.sharing.push(now),
});
"""


async def call_page(call: Call) -> Response:
    return Response(HTML, media_type="text/html")


async def call_script(call: Call) -> Response:
    return Response(SCRIPT, media_type="text/javascript")


async def sign_in(call: Call, cookie: str, secret: str) -> Response:
    """A browser sets `__Host-` cookies only by itself."""
    response = call.redirect("/healthz")
    set_cookie(response, cookie, secret, max_age=3600)
    return response


CALL_PAGE = (
    operation("GET", "/v1/signed-in/{cookie}/{secret}", sign_in, needs=PUBLIC),
    page("GET", "/call", call_page, needs=PUBLIC),
    operation("GET", "/v1/call-page.js", call_script, needs=PUBLIC),
)

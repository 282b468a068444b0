// What one RTCPeerConnection tells, in plain objects.

export function count(stats) {
  const total = { packets: 0, frames: 0, any: false };
  for (const each of stats.values()) {
    if (each.type !== "inbound-rtp") continue;
    total.any = true;
    total.packets += each.packetsReceived;
    total.frames += each.framesDecoded ?? 0;
  }
  return total;
}

export const described = ({ localDescription: { type, sdp } }) => ({ type, sdp });

export const plain = ({ candidate, sdpMid, sdpMLineIndex, usernameFragment }) => ({
  candidate,
  sdpMid,
  sdpMLineIndex,
  usernameFragment,
});

/**
 * @param {RTCPeerConnection} pc
 * @param {boolean} on false: sound alone
 */
export function sendPicture(pc, on) {
  for (const sender of pc.getSenders().filter(({ track }) => track?.kind === "video")) {
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) encoding.active = on;
    sender.setParameters(parameters).catch(() => {});
  }
}

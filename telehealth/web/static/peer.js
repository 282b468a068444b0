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

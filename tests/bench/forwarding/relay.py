"""aiortc's MediaRelay as a server: what one sends is decoded, and encoded anew for each who receives it.

python -m tests.bench.forwarding.relay HOST PORT
"""

import sys

import uvicorn
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.kit.webrtc import open_door


class Relay:
    """Its rooms."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._relay = MediaRelay()
        self._tracks: dict[tuple[int, int], list[MediaStreamTrack]] = {}
        self._peers: list[RTCPeerConnection] = []

    async def send(self, request: Request) -> JSONResponse:
        peer = self._peer()
        tracks = self._tracks[request.path_params["room"], request.path_params["person"]] = []
        peer.on("track", tracks.append)
        return await self._answer(peer, request)

    async def receive(self, request: Request) -> JSONResponse:
        peer = self._peer()
        room, person = request.path_params["room"], request.path_params["person"]
        shown = [
            track
            for (where, who), tracks in self._tracks.items()
            if where == room and who != person
            for track in tracks
        ]
        return await self._answer(peer, request, shown)

    def _peer(self) -> RTCPeerConnection:
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._peers.append(peer)
        return peer

    async def _answer(
        self, peer: RTCPeerConnection, request: Request, shown: list[MediaStreamTrack] | None = None
    ) -> JSONResponse:
        offer = RTCSessionDescription(sdp=(await request.json())["sdp"], type="offer")
        await peer.setRemoteDescription(offer)
        for transceiver, track in zip(peer.getTransceivers(), shown or (), strict=False):
            transceiver.sender.replaceTrack(self._relay.subscribe(track))
            transceiver.direction = "sendonly"
        open_door(peer, host=self._host)
        await peer.setLocalDescription(await peer.createAnswer())
        return JSONResponse({"sdp": peer.localDescription.sdp})


def main() -> None:
    host, port = sys.argv[1:]
    relay = Relay(host)
    routes = [
        Route("/send/{room:int}/{person:int}", relay.send, methods=["POST"]),
        Route("/receive/{room:int}/{person:int}", relay.receive, methods=["POST"]),
    ]
    uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=int(port), log_level="warning", ws="none")


if __name__ == "__main__":
    main()

"""Sabotage: the socket of the node as it would be without its guard. Everything reaches every connection."""

from time import monotonic

from aioice import stun

from telehealth.media.datagrams import Source
from telehealth.media.mux import Mux, Wire
from telehealth.media.secure import Packet
from telehealth.media.transport import Transport


class OpenMux(Mux):
    """Authenticated checks are still what tells where a browser is; nothing else is asked while it `is_open`."""

    is_open = True

    def _readable(self, wire: Wire) -> None:
        if not self.is_open:
            return super()._readable(wire)
        for packet, length, source in wire.inbox.take(wire.socket):  # each on its own: none takes another with it
            self._loop.call_soon(self._let_in, wire, source, bytes(packet.view[:length]))
        return None

    def _let_in(self, wire: Wire, source: Source, data: bytes) -> None:
        if data and data[0] <= 3:
            stun.parse_message(data)
            self._check(wire, source, data)
            return
        packet = Packet()
        for owner in set(self._fragments.values()):
            assert isinstance(owner, Transport)
            if data and 128 <= data[0] <= 191:
                packet.view[: len(data)] = data  # who could not read it has spoilt it
                owner.media(packet, len(data), monotonic())
            else:
                owner._secure._link.feed(data)

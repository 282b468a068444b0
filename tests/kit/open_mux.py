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
        for packet, length, source in wire.inbox.take(wire.socket):
            self._let_in(wire, source, packet, length)
        return None

    def _let_in(self, wire: Wire, source: Source, packet: Packet, length: int) -> None:
        data = bytes(packet.view[:length])
        if data and data[0] <= 3:
            stun.parse_message(data)
            self._check(wire, source, data)
            return
        for owner in set(self._fragments.values()):
            assert isinstance(owner, Transport)
            if data and 128 <= data[0] <= 191:
                packet.view[:length] = data  # who could not read it has spoilt it
                owner.media(packet, length, monotonic())
            else:
                owner._secure._link.feed(data)

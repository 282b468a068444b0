"""Sabotage: the socket of the node as it would be without its guard. Everything reaches every connection."""

from aioice import stun

from telehealth.media.mux import Mux, Wire
from telehealth.media.transport import Transport


class OpenMux(Mux):
    """Authenticated checks are still what tells where a browser is; nothing else is asked while it `is_open`."""

    is_open = True

    def _readable(self, wire: Wire) -> None:
        if not self.is_open:
            return super()._readable(wire)
        packet = self._packet
        try:
            length, source = wire.socket.recvfrom_into(packet.buffer, 2048)
        except OSError:
            return None
        data = bytes(packet.view[:length])
        if data and data[0] <= 3:
            stun.parse_message(data)
            self._check(wire, source, data)
            return None
        for owner in set(self._fragments.values()):
            assert isinstance(owner, Transport)
            if data and 128 <= data[0] <= 191:
                packet.view[:length] = data  # who could not read it has spoilt it
                owner.media(packet, length)
            else:
                owner._secure._link.feed(data)
        return None

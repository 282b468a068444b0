"""Streams in steady flow go from socket to socket in C (lanes.c), and are accounted for afterwards. Never needed.

    lanes = find_lanes()                          None where they were not compiled
    door = lanes.door()                           of who receives
    door.aim(ends); door.key(srtp)                where packets go, and who seals them
    lanes.begin(Way(flow, ends, srtp, may))       from its next packet on, a stream goes by itself
    lanes.take(socket, table, now)                of what waits, the places of what does not go by itself
    lanes.settle()                                accounts for what did

A lane knows nothing but the next packet of a stream, and how the last was changed for each who has it. Any other of
that stream is left to the sources, and before anything about it changes the lane ends (`Source.halt`): they say again
what is to be done, and it begins anew. So what is right is said in one place. What went by itself is kept, and told to
`Uplink.account` before the sources look at anything else that came, and at each beat.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import count, islice
from struct import Struct
from typing import Any, Final

from telehealth.media.forward import Flow
from telehealth.media.kernel import Source, Table
from telehealth.media.rtp import Layout
from telehealth.media.secure import OPEN_RTP, SEAL_RTP, Srtp
from telehealth.media.sending import Outgoing, Plan

logger = logging.getLogger(__name__)

Ends = tuple[int, Source]
"""The number of a socket of ours, and the other end."""

_RECORD: Final = Struct("dqi")  # struct record, up to its data
_LARGEST_SIGNATURE: Final = 1 << 64


class Door:
    """Where packets to one connection go: nowhere before it has keys, or after it is closed."""

    __slots__ = ("_ffi", "_srtp", "struct")

    def __init__(self, ffi: Any) -> None:
        self._ffi, self.struct = ffi, ffi.new("struct door *")
        self.struct.socket = -1
        self._srtp: Srtp | None = None

    def aim(self, ends: Ends) -> None:
        self.struct.socket, self.struct.name = ends

    def key(self, srtp: Srtp) -> None:
        """What it is sealed with, which is held for as long."""
        self._srtp, self.struct.context = srtp, self._ffi.cast("void *", srtp.seals)

    def close(self) -> None:
        self.struct.context, self._srtp = self._ffi.NULL, None


@dataclass(frozen=True, slots=True)
class Way:
    """A stream, where it comes from, and who opens it; `may` says whether its sender may send one packet more."""

    flow: Flow
    ends: Ends
    srtp: Srtp
    may: Callable[[float], bool]


class Lane:
    """One stream that goes by itself. It holds all that lanes.c sees of it."""

    __slots__ = ("_held", "_lanes", "ends", "flow", "may", "struct")

    def __init__(self, lanes: "Lanes", struct: Any, held: tuple[Any, ...], way: "Way") -> None:
        """`held` is what `struct` points at."""
        self._lanes, self.struct, self._held = lanes, struct, held
        self.flow, self.ends, self.may = way.flow, way.ends, way.may

    def account(self, data: bytes, now: float) -> bool:
        """False when the sources could not: a fault of the node's own."""
        try:
            self.flow.uplink.account(data, now)
        except Exception:
            logger.exception("a packet that went by itself could not be accounted for")
            return False
        return True

    def stop(self) -> None:
        """The next packet is for the sources again. What went by itself until now is accounted for."""
        self._lanes.end(self)


class Lanes:
    """Those of one node. Everything runs in the thread of its event loop."""

    def __init__(self, module: Any) -> None:
        """`module` is lanes.c, compiled. Raises MemoryError."""
        self._ffi, self._lib = module.ffi, module.lib
        made = self._lib.lanes_new(OPEN_RTP, SEAL_RTP)
        if not made:
            raise MemoryError
        self._all = self._ffi.gc(made, self._lib.lanes_free)
        self._told = self._lib.lanes_told(self._all)
        self._left = self._ffi.new("int[]", self._lib.RECORDS)
        self._records = memoryview(self._ffi.buffer(self._told.record))
        self._record_size = len(self._records) // self._lib.RECORDS
        self._lanes: dict[int, Lane] = {}
        self._numbers = count(1)

    @property
    def received(self) -> int:
        """How many datagrams the last batch had."""
        return int(self._told.received)

    def refused(self) -> int:
        """How many packets of lanes did not show their key, or came again, since it was asked before."""
        refused, self._told.refused = self._told.refused, 0
        return int(refused)

    def door(self) -> Door:
        return Door(self._ffi)

    def take(self, number: int, table: Table, now: float) -> Sequence[int]:
        """Takes what waits at that socket; sends on what is of a lane. The places of all else in the table."""
        left = self._left
        others: int = self._lib.lanes_take(self._all, number, table.start, len(table.places), now, left)
        if others or self._told.records * 2 > len(left):
            self.settle()
        return list(left[0:others])

    def settle(self) -> None:
        """Accounts for all that was sent on."""
        kept, size = self._records, self._record_size
        records, self._told.records = self._told.records, 0
        too_many: list[Lane] = []
        for at in range(0, records * size, size):
            now, number, length = _RECORD.unpack_from(kept, at)
            lane = self._lanes.get(number)
            if lane is None:
                continue
            if not lane.account(bytes(kept[at + _RECORD.size : at + _RECORD.size + length]), now):
                lane.flow.fail(self._lib.RECORDS)
            elif not lane.may(now):
                too_many.append(lane)
        for lane in too_many:
            lane.stop()

    def begin(self, way: Way) -> None:
        """From the next packet on, that stream goes by itself; unless it cannot."""
        flow, number = way.flow, next(self._numbers)
        plans = [(each, plan) for each in flow.outgoings if isinstance(each.door, Door) and (plan := each.plan())]
        if len(plans) < len(flow.outgoings):
            return  # a recording has one, or captions
        legs = [self._leg(outgoing, plan, flow.offset) for outgoing, plan in plans]
        row, struct = self._ffi.new("struct leg[]", [leg[0][0] for leg in legs]), self._ffi.new("struct lane *")
        struct.number, (struct.socket, struct.name), struct.ssrc = number, way.ends, flow.ssrc
        struct.context = self._ffi.cast("void *", way.srtp.opens)
        struct.next, struct.kinds, struct.legs, struct.leg = flow.next, flow.kinds[:16], len(legs), row
        for each in flow.types:
            struct.known[each] = 1
        self._lanes[number] = flow.source.lane = Lane(self, struct, (row, legs, way.srtp), way)
        self._lib.lanes_begin(self._all, struct)

    def end(self, lane: Lane) -> None:
        self._lib.lanes_end(self._all, lane.struct)
        self.settle()
        if self._lanes.pop(lane.struct.number, None) is not None:
            lane.flow.source.lane = None

    def leave(self, ends: Ends) -> None:
        """Nothing from there goes by itself any more: it is another's, or nobody's."""
        for lane in [each for each in self._lanes.values() if each.ends == ends]:
            lane.stop()

    def _leg(self, outgoing: Outgoing, plan: Plan, offset: int) -> tuple[Any, Any]:
        """What that stream is made of, and whose memory it points at."""
        leg, door = self._ffi.new("struct leg *"), outgoing.door
        leg.door, leg.types = door.struct, plan.types
        leg.shift, leg.time_shift = plan.shift + offset & 0xFFFF, plan.time_shift
        known = [each for each in reversed(tuple(plan.layouts.items())) if self._fits(*each)]
        for signature, layout in islice(known, self._lib.SHAPES):
            self._shape(leg.shape[leg.shapes], signature, layout)
            leg.shapes += 1
        return leg, door

    def _fits(self, signature: int, layout: Layout) -> bool:
        return signature < _LARGEST_SIGNATURE and layout.length <= self._lib.HEAD

    def _shape(self, shape: Any, signature: int, layout: Layout) -> None:
        shape.signature, shape.stamp, shape.stamp_at = signature, layout.stamp, layout.stamp_at
        shape.length = layout.length
        self._ffi.memmove(shape.head, layout.head, layout.length)
        for place, start in enumerate(layout.places):
            shape.places[place] = start


def find_lanes() -> Lanes | None:
    """None where lanes.c was not compiled, or libsrtp is not as it expects: the sources do it all."""
    try:
        module = import_module("telehealth.media._lanes")
    except ImportError:
        return None
    return Lanes(module) if OPEN_RTP and SEAL_RTP else None

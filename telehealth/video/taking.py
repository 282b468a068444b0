"""Recording and captions, decided alike: the host asks, everybody inside agrees, anybody ends it. PROTOCOL.md tells it
in prose.
"""

from dataclasses import replace
from uuid import UUID, uuid5

from telehealth.video.language import (
    AboutTap,
    Ask,
    Consent,
    Finish,
    KeepConsent,
    OfTap,
    Pause,
    Taking,
    TapAsked,
    TapOver,
    TapRequest,
)
from telehealth.video.room import Ended, Room, Seat, Taken, Tap

NAMES = UUID("0d0b3d5e-5d0c-5c55-8a5e-3f1f6f2d7b19")
Decided = tuple[Room, tuple[AboutTap, ...]]


def named(seat: Seat, request: TapRequest) -> Taking:
    """A request that is repeated asks for the same one."""
    return Taking(request.tap, uuid5(NAMES, f"{seat.session} {request.id}"))


def obeyed(room: Room, seat: Seat, command: OfTap) -> Decided:
    return _asked(room, seat, command) if isinstance(command, TapRequest) else _answered(room, seat, command)


def _asked(room: Room, seat: Seat, request: TapRequest) -> Decided:
    if request.on:
        return room, (Ask(named(seat, request), seat.id),)
    taken = room.taken(request.tap)
    if taken is None:
        return room, ()
    finish = Finish(Taking(request.tap, taken.id), room.epoch, seat.id, "stopped")
    return room.ending(request.tap, "stopped"), (finish,)


def _answered(room: Room, seat: Seat, consent: Consent) -> Decided:
    """It goes on as soon as all agree; who does not ends it for all."""
    tap = consent.taking.tap
    taken, keep = room.taken(tap), KeepConsent(consent.taking, seat.id, consent.given)
    if taken is None:
        return room, ()
    if consent.given:
        agreed = (*(each for each in taken.agreed if each != seat.id), seat.id)
        return room.taking(tap, replace(taken, agreed=agreed)), (keep,)
    finish = Finish(consent.taking, room.epoch, seat.id, "declined")
    return room.ending(tap, _refused(seat, taken)), (finish, keep)


def _refused(seat: Seat, taken: Taken) -> Ended:
    """What the host is told of it. Their own no is nobody's refusal."""
    if seat.who.host:
        return "stopped"
    return "withdrawn" if seat.id in taken.agreed else "declined"


def repeated(seat: Seat, command: OfTap) -> tuple[AboutTap, ...]:
    """What has to be kept before it is acknowledged, though the room knows it already: keeping is done once."""
    match command:
        case TapRequest():
            return (Ask(named(seat, command), seat.id),) if command.on else ()
        case Consent():
            return (KeepConsent(command.taking, seat.id, command.given),)


def begun(room: Room, event: TapAsked) -> Room:
    """It is told only now: whoever answers finds it written down."""
    tap = event.taking.tap
    return room if room.taken(tap) is not None else room.taking(tap, Taken(event.taking.id, (event.participant,)))


def over(room: Room, event: TapOver) -> Decided:
    taken = room.taken(event.taking.tap)
    if taken is None or taken.id != event.taking.id:
        return room, ()
    return room.ending(event.taking.tap, "over"), (Finish(event.taking, room.epoch, None, "over"),)


def paused(before: Room, room: Room) -> tuple[AboutTap, ...]:
    """Whoever comes in and has not agreed is not taken, nor is anybody while they are there."""
    return tuple(each for tap in Tap for each in _paused(before, room, tap))


def _paused(before: Room, room: Room, tap: Tap) -> tuple[AboutTap, ...]:
    was, now = before.taken(tap), room.taken(tap)
    same = was is not None and now is not None and was.id == now.id
    if was is None or not same or not before.takes(tap) or room.takes(tap):
        return ()
    return (Pause(Taking(tap, was.id), before.epoch),)

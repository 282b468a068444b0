"""Which way media go: who is connected browser to browser, when a room needs the media node, and when no longer."""

from dataclasses import replace
from datetime import datetime, timedelta

from telehealth.core.ids import ParticipantId
from telehealth.video.language import Cut, Placed, Promote, Release, Task, Unplaced
from telehealth.video.room import MediaState, Mode, Room, Tap

ASK_AGAIN = timedelta(seconds=5)
CALM = timedelta(seconds=30)
TOO_OFTEN = 2  # renewals that brought nothing


def wanted(room: Room) -> Mode:
    """The node for a third, for one who only receives, for a recorder or captions, by policy, or when browsers do not
    reach each other; and for who has no browser, alone too.
    """
    inside = room.inside
    if any(seat.who.by_node for seat in inside):
        return Mode.NODE
    if len(inside) < 2:
        return Mode.P2P
    company = len(inside) > 2 or not all(seat.who.sends for seat in inside)
    taken = any(room.may_take(tap) for tap in Tap)
    needed = company or taken or room.least is Mode.NODE or room.failures >= TOO_OFTEN
    return Mode.NODE if needed else Mode.P2P


def pair(room: Room) -> tuple[ParticipantId, ...]:
    """The two whose conversation goes first, of those inside who send by a browser; nobody when there are not two."""
    able = (seat for seat in room.inside if seat.who.sends and not seat.who.by_node)
    first = sorted(able, key=lambda seat: seat.who.rank)[:2]
    return tuple(seat.id for seat in first) if len(first) == 2 else ()


def renewed(room: Room) -> Room:
    """A new pair of peer connections: what was reported of the old one no longer counts."""
    fresh = {"media": MediaState.NEW, "bad_since": None, "fine_since": None, "sees_video": True}
    seats = tuple(replace(seat, **fresh) for seat in room.seats)  # type: ignore[arg-type]  # by the names above
    return replace(room, generation=room.generation + 1, seats=seats)


def seated(room: Room, newcomer: ParticipantId) -> Room:
    """After somebody sat down with a fresh session: nobody's connection but their own begins anew."""
    two = pair(room)
    return renewed(room) if room.mode is Mode.P2P and (newcomer in two or not two) else room


def arranged(before: Room, room: Room, at: datetime) -> tuple[Room, tuple[Task, ...]]:
    """The room after a change, its partners put right, and what has to be done about its mode."""
    cut = _cut(before, room)
    if room.mode is Mode.NODE:
        room, tasks = _calmed(room, at)
        return room, (*cut, *tasks)
    room = _paired(before, room)
    if wanted(room) is Mode.P2P:
        return replace(room, asked_at=None), cut
    if room.asked_at is not None and at - room.asked_at < ASK_AGAIN:
        return room, cut
    return replace(room, asked_at=at), (*cut, Promote(room.epoch))


def placed(room: Room, event: Placed) -> tuple[Room, tuple[Task, ...]]:
    """A room goes to its place if it still needs one. An epoch that has been passed changes nothing."""
    if event.epoch <= room.epoch:
        return room, ()
    room = replace(room, epoch=event.epoch, seats=tuple(replace(seat, ways=()) for seat in room.seats))
    if room.mode is Mode.P2P and wanted(room) is Mode.P2P:
        return room, (Release(event.epoch),)
    if event.why == "lost":
        room = replace(room, seats=tuple(replace(seat, media=MediaState.NEW) for seat in room.seats))
    return replace(room, mode=Mode.NODE, partners=(), asked_at=None, calm_since=None), ()


def unplaced(room: Room, event: Unplaced) -> Room:
    """Back to what works without a node, for two at least."""
    if room.mode is Mode.P2P or event.epoch != room.epoch:
        return room
    return renewed(replace(room, mode=Mode.P2P, partners=pair(room), asked_at=event.at))


def _paired(before: Room, room: Room) -> Room:
    two = pair(room)
    if not two or two == room.partners:
        return room
    others = bool(room.partners) and room.generation == before.generation
    return replace(renewed(room) if others else room, partners=two)


def _calmed(room: Room, at: datetime) -> tuple[Room, tuple[Task, ...]]:
    if wanted(room) is Mode.NODE:
        return replace(room, calm_since=None), ()
    if room.calm_since is None:
        return replace(room, calm_since=at), ()
    if at - room.calm_since < CALM:
        return room, ()
    back = replace(room, mode=Mode.P2P, partners=pair(room), calm_since=None, asked_at=None)
    return renewed(back), (Release(room.epoch),)


def _cut(before: Room, room: Room) -> tuple[Task, ...]:
    """Whoever is not inside any more, or sits there anew, has no way through the node that they had before."""
    if before.mode is Mode.P2P:
        return ()
    now = {(seat.id, seat.session) for seat in room.inside}
    gone = (seat for seat in before.inside if (seat.id, seat.session) not in now and seat.ways)
    return tuple(Cut(seat.id, seat.session, before.epoch, seat.ways) for seat in gone)

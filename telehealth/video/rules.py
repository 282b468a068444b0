"""A room, decided: who sits in it, what passes between them, what is refused. No socket in sight.

The room of a visit has one seat for the clinician and one for the patient. PROTOCOL.md tells it in prose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, assert_never
from uuid import UUID

from telehealth.core.actors import Role
from telehealth.core.errors import Kind, Refusal
from telehealth.video.room import RESUMABLE, MediaState, Room, Seat, agreed

LEASE = timedelta(seconds=15)  # three missed beats: the process that held the socket is gone
REPLAY = 512
TICKET_LIFE = timedelta(seconds=60)

Wire = Mapping[str, Any]


class TicketInvalid(Refusal):
    kind, slug, title = Kind.UNIDENTIFIED, "ticket-invalid", "This ticket is used, expired or unknown"


class NotAdmitted(Refusal):
    kind, slug, title = Kind.CONFLICT, "not-admitted", "The visit has not been opened to you yet"


class VisitOver(Refusal):
    kind, slug, title = Kind.GONE, "visit-over", "The visit is over"


class SeatTaken(Refusal):
    kind, slug, title = Kind.CONFLICT, "seat-taken", "Somebody else has this seat in the call"


# Commands: what a person's browser asks for.


@dataclass(frozen=True, slots=True)
class Signal:
    """A description or a candidate: `body` is the peer's business and opaque here."""

    id: int
    kind: Literal["description", "candidate"]
    generation: int
    body: Wire | None


@dataclass(frozen=True, slots=True)
class Report:
    id: int
    generation: int
    state: MediaState


@dataclass(frozen=True, slots=True)
class Chat:
    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Renew:
    id: int
    generation: int


@dataclass(frozen=True, slots=True)
class Bye:
    id: int


Command = Signal | Report | Chat | Renew | Bye


# Events: what may happen to a room.


@dataclass(frozen=True, slots=True)
class Resume:
    session: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """`session` is the fresh name that is used when `resume` cannot be granted."""

    at: datetime
    connection: str
    session: str
    role: Role
    holder: UUID
    admitted: bool
    resume: Resume | None = None


@dataclass(frozen=True, slots=True)
class Said:
    at: datetime
    connection: str
    command: Command


@dataclass(frozen=True, slots=True)
class Beat:
    """The socket is alive. `admitted` is what the visit says now."""

    at: datetime
    connection: str
    admitted: bool


@dataclass(frozen=True, slots=True)
class Dropped:
    at: datetime
    connection: str


Event = Arrived | Said | Beat | Dropped


# Effects: what the shell is asked to do.


@dataclass(frozen=True, slots=True)
class Send:
    """Numbered, kept for replay; `to` is a session, or a connection that has to go."""

    seq: int
    to: str
    message: Wire


@dataclass(frozen=True, slots=True)
class Answer:
    """To whoever caused the event, at once, unnumbered."""

    message: Wire


@dataclass(frozen=True, slots=True)
class NoSeat:
    """The room knows nothing of this connection (any more): it has to come back."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Another person holds the seat."""


Effect = Send | Answer | NoSeat | Taken


def step(room: Room, event: Event) -> tuple[Room, tuple[Effect, ...]]:
    """The room after the event, and what to do about it. Numbers in `Send` go on from `room.seq`, without gaps."""
    changed, effects = _react(room, event)
    settled = replace(changed, together=agreed(changed, event.at))
    told, news = _announce(room, settled)
    if isinstance(event, Arrived) and Taken() not in effects:
        news = (*news, Answer(_welcome(told, event)))
    return told, (*effects, *news)


def view(room: Room, seat: Seat) -> Wire:
    """All that a seat may know."""
    return {
        "you": {"role": seat.role.value, "admitted": seat.admitted},
        "generation": room.generation if seat.admitted else 0,
        "peers": [
            {"role": peer.role.value, "presence": "present" if peer.connection else "away"} for peer in room.peers(seat)
        ],
    }


def _react(room: Room, event: Event) -> tuple[Room, tuple[Effect, ...]]:
    if isinstance(event, Arrived):
        return _sit(room, event)
    seat = room.of_connection(event.connection)
    if seat is None:
        return room, () if isinstance(event, Dropped) else (NoSeat(),)
    match event:
        case Said(at, _, command):
            return _obey(_with(room, replace(seat, seen_at=at)), replace(seat, seen_at=at), command)
        case Beat(at, _, admitted):
            return _forget_silent(_with(room, replace(seat, seen_at=at, admitted=admitted)), at), ()
        case Dropped(at, _):
            return _with(room, replace(seat, connection=None, seen_at=at)), ()
        case _:
            assert_never(event)


def _sit(room: Room, event: Arrived) -> tuple[Room, tuple[Effect, ...]]:
    old = room.of_role(event.role)
    if old is not None and old.holder != event.holder and old.connection is not None:
        return room, (Taken(),)
    effects: tuple[Effect, ...] = ()
    if old is not None and old.connection is not None:
        room, effects = _send(room, old.connection, {"type": "bye", "reason": "replaced"})
    if old is not None and _resumable(room, old, event):
        seat = replace(old, connection=event.connection, seen_at=event.at, admitted=event.admitted)
        return _with(room, seat), effects
    fresh = Seat(event.role, event.holder, event.session, event.connection, event.at, event.admitted)
    return _renewed(_with(room, fresh)), effects


def _resumable(room: Room, seat: Seat, event: Arrived) -> bool:
    resume = event.resume
    return (
        resume is not None
        and seat.holder == event.holder
        and resume.session == seat.session
        and event.at - seat.seen_at <= RESUMABLE
        and 0 <= room.seq - resume.last_seq < REPLAY
    )


def _renewed(room: Room) -> Room:
    """A new pair of peer connections: what was reported of the old one no longer counts."""
    seats = tuple(replace(seat, media=MediaState.NEW) for seat in room.seats)
    return replace(room, generation=room.generation + 1, seats=seats)


def _obey(room: Room, seat: Seat, command: Command) -> tuple[Room, tuple[Effect, ...]]:
    if command.id <= seat.ack:
        return room, (_ack(command),)
    seat = replace(seat, ack=command.id)
    room = _with(room, seat)
    refusal = _refusal(room, seat, command)
    if refusal is not None:
        return room, (Answer({"type": "error", "code": refusal, "id": command.id}),)
    room, effects = _take_effect(room, seat, command)
    return room, (*effects, _ack(command))


def _refusal(room: Room, seat: Seat, command: Command) -> str | None:
    if isinstance(command, Bye):
        return None
    if not seat.admitted:
        return "not-admitted"
    if not isinstance(command, Chat) and command.generation != room.generation:
        return "stale-generation"
    if isinstance(command, Signal | Chat) and not room.peers(seat):
        return "alone"
    return None


def _take_effect(room: Room, seat: Seat, command: Command) -> tuple[Room, tuple[Effect, ...]]:
    match command:
        case Signal(_, kind, generation, body):
            return _tell_peers(room, seat, {"type": kind, "generation": generation, kind: body})
        case Chat(_, text):
            return _tell_peers(room, seat, {"type": "chat", "from": seat.role.value, "text": text})
        case Report(_, _, state):
            return _with(room, replace(seat, media=state)), ()
        case Renew():
            return _renewed(room), ()
        case Bye():
            return replace(room, seats=tuple(each for each in room.seats if each.role is not seat.role)), ()
        case _:
            assert_never(command)


def _forget_silent(room: Room, at: datetime) -> Room:
    """A socket whose process died is away: nobody drops it."""
    return replace(
        room,
        seats=tuple(replace(seat, connection=None) if at - seat.seen_at > LEASE else seat for seat in room.seats),
    )


def _announce(before: Room, after: Room) -> tuple[Room, tuple[Effect, ...]]:
    """A `state` to every seat that was there before and now sees something else."""
    effects: tuple[Effect, ...] = ()
    seen = {seat.session: view(before, seat) for seat in before.seats}
    for seat in after.seats:
        now = view(after, seat)
        if seat.session in seen and seen[seat.session] != now:
            after, sent = _send(after, seat.session, {"type": "state", **now})
            effects = (*effects, *sent)
    return after, effects


def _welcome(room: Room, event: Arrived) -> Wire:
    seat = room.of_connection(event.connection)
    if seat is None:
        raise AssertionError("unreachable: whoever is not refused sits")
    return {
        "type": "welcome",
        "v": 1,
        "session": seat.session,
        "seq": room.seq,
        "ack": seat.ack,
        "resumed": seat.session != event.session,
        "polite": seat.role is Role.PATIENT,
        **view(room, seat),
    }


def _tell_peers(room: Room, seat: Seat, message: Wire) -> tuple[Room, tuple[Effect, ...]]:
    effects: tuple[Effect, ...] = ()
    for peer in room.peers(seat):
        room, sent = _send(room, peer.session, message)
        effects = (*effects, *sent)
    return room, effects


def _send(room: Room, to: str, message: Wire) -> tuple[Room, tuple[Effect, ...]]:
    seq = room.seq + 1
    return replace(room, seq=seq), (Send(seq, to, {**message, "seq": seq}),)


def _ack(command: Command) -> Answer:
    return Answer({"type": "ack", "id": command.id})


def _with(room: Room, seat: Seat) -> Room:
    """The room with this seat in place of the one of its role."""
    return replace(room, seats=(*(each for each in room.seats if each.role is not seat.role), seat))

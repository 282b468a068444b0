"""A room, decided: who sits in it, what passes between them, what is refused. No socket in sight.

PROTOCOL.md tells it in prose, language.py has the words.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from typing import assert_never

from telehealth.core.errors import Kind, Refusal
from telehealth.video import modes, taking
from telehealth.video.language import (
    Admit,
    Answer,
    Arrived,
    Beat,
    Bye,
    Chat,
    Command,
    Consent,
    Deny,
    Dropped,
    Effect,
    Event,
    FreshIce,
    Full,
    Hold,
    Keep,
    LetIn,
    Measured,
    Mute,
    Negotiate,
    NoSeat,
    Offer,
    Placed,
    PutOut,
    Renew,
    Report,
    Said,
    Send,
    Signal,
    Stats,
    Taken,
    TapAsked,
    TapOver,
    TapRequest,
    Unplaced,
    Want,
    Wire,
)
from telehealth.video.quality import reported
from telehealth.video.refusals import refusal
from telehealth.video.room import MOST_SEATS, RESUMABLE, MediaState, Mode, Rebuilt, Room, Seat, agreed
from telehealth.video.views import view, welcome

LEASE = timedelta(seconds=15)  # three missed beats: the process that held the socket is gone
REPLAY = 512
MOST_WAYS = 8  # more than the media node takes of one person
TICKET_LIFE = timedelta(seconds=60)
Decided = tuple[Room, tuple[Effect, ...]]


class TicketInvalid(Refusal):
    kind, slug, title = Kind.UNIDENTIFIED, "ticket-invalid", "This ticket is used, expired or unknown"


class NotAdmitted(Refusal):
    kind, slug, title = Kind.CONFLICT, "not-admitted", "The visit has not been opened to you yet"


class VisitOver(Refusal):
    kind, slug, title = Kind.GONE, "visit-over", "The visit is over"


class SeatTaken(Refusal):
    kind, slug, title = Kind.CONFLICT, "seat-taken", "Somebody else has this seat in the call"


class RoomFull(Refusal):
    kind, slug, title = Kind.CONFLICT, "room-full", "There is no room for one more in this call"


def step(room: Room, event: Event) -> Decided:
    """The room after the event, and what to do about it. Numbers in `Send` go on from `room.seq`, without gaps."""
    changed, effects = _react(room, event)
    if any(isinstance(effect, Taken | Full) for effect in effects):
        return room, effects
    settled, tasks = (changed, ()) if isinstance(event, Dropped) else modes.arranged(room, changed, event.at)
    tasks = (*tasks, *taking.paused(room, settled))
    settled = replace(settled, together=agreed(settled, event.at))
    told, news = _announce(room, settled)
    if isinstance(event, Arrived):
        old = room.of(event.who.participant)
        news = (*news, Answer(welcome(told, event, before=None if old is None else old.session)))
    return told, (*effects, *tasks, *news)


def _react(room: Room, event: Event) -> Decided:
    match event:
        case Arrived():
            return _sit(room, event)
        case Placed():
            return _move(room, event)
        case Unplaced():
            return modes.unplaced(room, event), ()
        case TapAsked():
            return taking.begun(room, event), ()
        case TapOver():
            return taking.over(room, event)
        case Said() | Beat() | Dropped():
            return _heard(room, event)
        case _:
            assert_never(event)


def _heard(room: Room, event: Said | Beat | Dropped) -> Decided:
    seat = room.of_connection(event.connection)
    if seat is None:
        return room, () if isinstance(event, Dropped) else (NoSeat(),)
    match event:
        case Said(at, _, command):
            return _obey(room.having(replace(seat, seen_at=at)), replace(seat, seen_at=at), command)
        case Beat(at, _, admitted):
            return _forget_silent(room.having(replace(seat, seen_at=at, admitted=admitted)), at), ()
        case Dropped(at, _):
            return room.having(replace(seat, connection=None, seen_at=at)), ()
        case _:
            assert_never(event)


# Coming


def _sit(room: Room, event: Arrived) -> Decided:
    room = replace(_begun(room, event), least=event.least)
    host, old = room.host, room.of(event.who.participant)
    if event.who.host and host is not None and host.id != event.who.participant:
        if host.connection is not None:
            return room, (Taken(),)
        room = room.without(host.id)  # the visit was handed over, and who gave it is not here any more
    if old is None and len(room.seats) >= MOST_SEATS:
        return room, (Full(),)
    effects: tuple[Effect, ...] = ()
    if old is not None and old.connection is not None:
        room, effects = _send(room, old.connection, {"type": "bye", "reason": "replaced"})
    if old is not None and _resumable(room, old, event):
        seat = replace(old, connection=event.connection, seen_at=event.at, admitted=event.admitted)
        return room.having(seat), effects
    participant = event.who.participant
    held = participant in room.on_hold if old is None else old.held  # neither reloading nor coming back lets anybody in
    fresh = Seat(event.who, _session(room, old, event), event.connection, event.at, event.admitted, held=held)
    sat = room.without_hold(fresh.id).having(fresh).rebuilt_with(fresh.id)
    return modes.seated(sat, fresh.id), effects


def _begun(room: Room, event: Arrived) -> Room:
    """Media go on where they run, when the room itself was lost; sessions of before, for as long as one resumes."""
    if event.epoch > 0 and room == Room():
        return replace(room, mode=Mode.NODE, epoch=event.epoch, rebuilt=Rebuilt(event.at))
    over = room.rebuilt is not None and event.at - room.rebuilt.at > RESUMABLE
    return replace(room, rebuilt=None) if over else room


def _resumable(room: Room, seat: Seat, event: Arrived) -> bool:
    resume = event.resume
    return (
        resume is not None
        and resume.session == seat.session
        and event.at - seat.seen_at <= RESUMABLE
        and 0 <= room.seq - resume.last_seq < REPLAY
    )


def _session(room: Room, old: Seat | None, event: Arrived) -> str:
    """A room that was lost knows no sessions; the media node still knows connections by them, and these go on. What the
    room itself has seen the end of does not: commands of that name were counted here.
    """
    resume, rebuilt = event.resume, room.rebuilt
    if resume is None or old is not None or rebuilt is None or room.mode is not Mode.NODE:
        return event.session
    known = event.who.participant in rebuilt.back or any(seat.session == resume.session for seat in room.seats)
    return event.session if known else resume.session


def _move(room: Room, event: Placed) -> Decided:
    changed, tasks = modes.placed(room, event)
    effects: tuple[Effect, ...] = tasks
    if room.mode is Mode.NODE and changed.epoch > room.epoch:
        for seat in changed.inside:
            changed, sent = _send(changed, seat.session, {"type": "moved", "epoch": event.epoch, "reason": event.why})
            effects = (*effects, *sent)
    return changed, effects


def _forget_silent(room: Room, at: datetime) -> Room:
    """A socket whose process died is away: nobody drops it. A companion who stays away has gone."""
    seats = tuple(replace(seat, connection=None) if at - seat.seen_at > LEASE else seat for seat in room.seats)
    gone = [seat.id for seat in seats if seat.who.rank >= 3 and at - seat.seen_at > RESUMABLE]
    return reduce(Room.without, gone, replace(room, seats=seats))


# Saying


def _obey(room: Room, seat: Seat, command: Command) -> Decided:
    if command.id <= seat.ack:
        return room, (*_once_more(room, seat, command), _ack(command))
    seat = replace(seat, ack=command.id)
    room = room.having(seat)
    code = refusal(room, seat, command)
    if code is not None:
        return room, (Answer({"type": "error", "code": code, "id": command.id}),)
    room, effects = _take_effect(room, seat, command)
    later = isinstance(command, Deny) or any(isinstance(effect, LetIn) for effect in effects)
    return room, effects if later else (*effects, _ack(command))


def _once_more(room: Room, seat: Seat, command: Command) -> tuple[Effect, ...]:
    """What was said is kept before it is acknowledged: whoever repeats it has no acknowledgement yet."""
    if isinstance(command, Chat) and refusal(room, seat, command) is None:
        return (_keep(room, seat, command),)
    return taking.repeated(seat, command) if isinstance(command, TapRequest | Consent) else ()


def _take_effect(room: Room, seat: Seat, command: Command) -> Decided:
    match command:
        case Signal() | Report() | Renew() | Stats() | Offer() | Mute():
            return _of_media(room, seat, command)
        case Chat():
            return _tell_all(room, seat, command)
        case Admit() | Hold() | Deny():
            return _host(room, command)
        case TapRequest() | Consent():
            return taking.obeyed(room, seat, command)
        case Want(_, what):
            return room, (FreshIce() if what == "ice" else Answer({"type": "state", **view(room, seat)}),)
        case Bye():
            return room.without(seat.id), ()
        case _:
            assert_never(command)


def _of_media(room: Room, seat: Seat, command: Signal | Report | Renew | Stats | Offer | Mute) -> Decided:
    match command:
        case Signal(_, kind, generation, body):
            return _tell_partner(room, seat, {"type": kind, "generation": generation, kind: body})
        case Report():
            return _reported(room.having(_in_media(seat, command))), ()
        case Renew():
            return modes.renewed(replace(room, failures=room.failures + 1)), ()
        case Stats():
            return _measured(room, seat, command)
        case Mute(_, kinds):
            return room.having(replace(seat, muted=kinds)), ()
        case Offer():
            negotiate = Negotiate(seat.id, seat.session, command, vouched=seat.who.by_node)
            ways = tuple(dict.fromkeys((*seat.ways, command.way)))[-MOST_WAYS:]
            return room.having(replace(seat, ways=ways)), (negotiate,)
        case _:
            assert_never(command)


def _host(room: Room, command: Admit | Hold | Deny) -> Decided:
    seat = room.of(command.participant)
    match command:
        case Admit(number, participant):
            if seat is None or not seat.admitted:
                return room.without_hold(participant), (LetIn(number, participant),)
            return room.having(replace(seat, held=False)), ()
        case Hold():
            return room if seat is None else room.having(replace(seat, held=True)), ()
        case Deny(number, participant):
            held = room if seat is None else room.having(replace(seat, held=True))
            return held, (PutOut(number, participant),)
        case _:
            assert_never(command)


def _in_media(seat: Seat, report: Report) -> Seat:
    runs = report.epoch is not None and report.state is MediaState.CONNECTED
    return replace(seat, media=report.state, live_epoch=report.epoch or 0 if runs else seat.live_epoch)


def _reported(room: Room) -> Room:
    """Browsers that reach each other have not failed to."""
    inside = room.inside
    through = [seat for seat in inside if seat.id in room.partners and seat.media is MediaState.CONNECTED]
    return replace(room, failures=0) if room.mode is Mode.P2P and len(through) == 2 else room


def _measured(room: Room, seat: Seat, stats: Stats) -> Decided:
    after = reported(seat, stats)
    room = room.having(after)
    partner = room.partner(after)
    if partner is None or after.sees_video is seat.sees_video:
        return room, (Measured(stats),)
    room, sent = _send(room, partner.session, {"type": "limits", "video": after.sees_video})
    return room, (Measured(stats), *sent)


def _tell_partner(room: Room, seat: Seat, message: Wire) -> Decided:
    partner = room.partner(seat)
    return (room, ()) if partner is None else _send(room, partner.session, message)


def _tell_all(room: Room, seat: Seat, chat: Chat) -> Decided:
    effects: tuple[Effect, ...] = (_keep(room, seat, chat),)
    who = {"participant": str(seat.id), "from": seat.who.role.value}
    for peer in room.peers(seat):
        room, sent = _send(room, peer.session, {"type": "chat", **who, "text": chat.text})
        effects = (*effects, *sent)
    return room, effects


def _keep(room: Room, seat: Seat, chat: Chat) -> Keep:
    heard_by = (seat.id, *(peer.id for peer in room.peers(seat)))
    return Keep(seat.session, chat.id, seat.who, chat.text, heard_by)


# Telling


def _announce(before: Room, after: Room) -> Decided:
    """A `state` to every seat that was there before and now sees something else."""
    effects: tuple[Effect, ...] = ()
    seen = {seat.session: view(before, seat) for seat in before.seats}
    for seat in after.seats:
        now = view(after, seat)
        if seat.session in seen and seen[seat.session] != now:
            after, sent = _send(after, seat.session, {"type": "state", **now})
            effects = (*effects, *sent)
    return after, effects


def _send(room: Room, to: str, message: Wire) -> Decided:
    seq = room.seq + 1
    return replace(room, seq=seq), (Send(seq, to, {**message, "seq": seq}),)


def _ack(command: Command) -> Answer:
    return Answer({"type": "ack", "id": command.id})

"""Which command is refused, and by which code of PROTOCOL.md."""

from typing import assert_never

from telehealth.video.language import (
    Admit,
    Bye,
    Chat,
    Command,
    Consent,
    Deny,
    Hold,
    HostCommand,
    Mute,
    Offer,
    OfTap,
    Renew,
    Report,
    Signal,
    Stats,
    TapRequest,
    Want,
)
from telehealth.video.room import Mode, Room, Seat

Spoken = Signal | Offer | Report | Chat | Renew | Stats | HostCommand | OfTap


def refusal(room: Room, seat: Seat, command: Command) -> str | None:
    """Why this seat may not say that now; None when it may."""
    if isinstance(command, Bye | Want):
        return None
    if isinstance(command, Mute):  # also of who waits: it counts from when they are let in
        return None if seat.who.sends else "receive-only"
    return _spoken(room, seat, command) if seat.inside else "not-admitted"


def _spoken(room: Room, seat: Seat, command: Spoken) -> str | None:
    match command:
        case Signal() | Renew():
            return _between_browsers(room, seat, command)
        case Report():
            return (
                _over_node(room, seat, command)
                if command.generation is None
                else _between_browsers(room, seat, command)
            )
        case Offer():
            return _over_node(room, seat, command)
        case Chat() | Stats():
            return "alone" if isinstance(command, Chat) and not room.peers(seat) else None
        case Admit() | Hold() | Deny():
            return _of_host(room, seat, command)
        case TapRequest() | Consent():
            return _of_tap(room, seat, command)
        case _:
            assert_never(command)


def _between_browsers(room: Room, seat: Seat, command: Signal | Renew | Report) -> str | None:
    if command.generation != room.generation or room.mode is Mode.NODE:
        return "stale-generation"
    if not room.peers(seat):
        return "alone" if isinstance(command, Signal) else None
    return "not-partner" if room.partner(seat) is None else None


def _over_node(room: Room, seat: Seat, command: Offer | Report) -> str | None:
    if room.mode is not Mode.NODE or command.epoch != room.epoch:
        return "stale-epoch"
    if not isinstance(command, Offer):
        return None
    if command.direction == "send":
        return None if seat.who.sends else "receive-only"
    return None if seat.who.receives else "send-only"


def _of_host(room: Room, seat: Seat, command: HostCommand) -> str | None:
    if not seat.who.host:
        return "host-only"
    known = room.of(command.participant)
    if command.participant == seat.id or (isinstance(command, Hold) and known is None):
        return "nobody"
    return None


def _of_tap(room: Room, seat: Seat, command: OfTap) -> str | None:
    tap = command.taking.tap if isinstance(command, Consent) else command.tap
    known = room.taken(tap)
    if isinstance(command, Consent):
        return None if known is not None and known.id == command.taking.id else f"no-{tap}"
    if not seat.who.host:
        return "host-only"
    return f"{tap}-already" if command.on and known is not None else None

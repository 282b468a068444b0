"""What a seat may know of its room, as it goes over the wire."""

from typing import Any

from telehealth.video.language import Arrived, Wire
from telehealth.video.room import Mode, Room, Seat, Tap


def view(room: Room, seat: Seat) -> Wire:
    """All that a seat may know; of whoever waits nothing, and for them nothing but themselves."""
    inside = seat.inside
    partner = room.partner(seat)
    return {
        "you": {**_person(seat), "admitted": inside, **_quality(seat), **_picture(room, seat)},
        "mode": (room.mode if inside else Mode.P2P).value,
        "epoch": room.epoch if inside else 0,
        "generation": room.generation if inside else 0,
        "partner": None if partner is None else str(partner.id),
        "polite": seat.id == room.partners[-1] if partner is not None else not seat.who.host,
        "peers": [_peer(room, each, seat) for each in room.peers(seat)] + _held(room, seat),
        **(_taken(room) if inside else {}),
        **(_ended(room) if inside and seat.who.host else {}),
    }


def welcome(room: Room, event: Arrived, *, before: str | None) -> Wire:
    """`before` is the session in that seat until now."""
    seat = room.of_connection(event.connection)
    if seat is None:
        raise AssertionError("unreachable: whoever is not refused sits")
    return {
        "type": "welcome",
        "v": 1,
        "session": seat.session,
        "seq": room.seq,
        "ack": seat.ack,
        "resumed": seat.session == before,
        **view(room, seat),
    }


def _person(seat: Seat) -> dict[str, Any]:
    who = seat.who
    return {
        "participant": str(who.participant),
        "role": who.role.value,
        "kind": who.kind.value,
        "sends": who.sends,
    }


def _peer(room: Room, peer: Seat, reader: Seat) -> dict[str, Any]:
    quality = _quality(peer) if reader.who.host else {}
    live = room.mode is Mode.NODE and peer.live_epoch == room.epoch
    muted = {"muted": list(peer.muted)} if peer.muted else {}
    return {**_person(peer), "presence": "present" if peer.connection else "away", "live": live, **muted, **quality}


def _held(room: Room, seat: Seat) -> list[dict[str, Any]]:
    """Whom the host has put on hold."""
    if not (seat.who.host and seat.inside):
        return []
    return [{**_peer(room, each, seat), "held": True} for each in room.seats if each.admitted and each.held]


def _picture(room: Room, seat: Seat) -> dict[str, Any]:
    """Over the media node everybody receives what gets through to them."""
    return {} if seat.sees_video or room.mode is Mode.NODE else {"video": False}


def _quality(seat: Seat) -> dict[str, Any]:
    return {} if seat.quality is None else {"quality": seat.quality}


def _taken(room: Room) -> dict[str, Any]:
    """Seen by everybody inside, from when it is asked for until it is over."""
    found = {tap.value: _told(room, tap) for tap in Tap}
    return {name: told for name, told in found.items() if told is not None}


def _ended(room: Room) -> dict[str, str]:
    """For the host alone: others need not know that somebody refused."""
    return {f"{tap}_ended": why for tap, why in room.ended}


def _told(room: Room, tap: Tap) -> dict[str, Any] | None:
    taken = room.taken(tap)
    if taken is None:
        return None
    agreed = [str(each) for each in taken.agreed]
    waits_for = [str(each.id) for each in room.unasked(tap)]
    return {"id": str(taken.id), "on": room.takes(tap), "agreed": agreed, "waits_for": waits_for}

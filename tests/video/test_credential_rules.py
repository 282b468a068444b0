"""Devices and observers, decided: which way their media go, whom everybody sees, what a credential opens."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.ids import VisitId
from telehealth.video import sdp_fragment
from telehealth.video.credential import (
    OPENS,
    Credential,
    CredentialInvalid,
    Placed,
    Protocol,
    Session,
    Shown,
    Standing,
    check,
    standing,
)
from telehealth.video.language import (
    Admit,
    Beat,
    Bye,
    Command,
    Cut,
    Direction,
    Dropped,
    Effect,
    Event,
    Hold,
    Negotiate,
    Offer,
    Pause,
    Promote,
    Taking,
    TapAsked,
    Unplaced,
)
from telehealth.video.language import Placed as RoomPlaced
from telehealth.video.room import MediaState, Mode, Room, Tap
from telehealth.video.rules import step
from telehealth.video.sdp_fragment import FragmentMalformed
from telehealth.video.views import view
from telehealth.visits.lifecycle.parts import ParticipantKind
from tests.kit.rooms import CLINICIAN, DEVICE, OBSERVER, PATIENT, START, TRAINEE, after, answers, arrived, run, said

VISIT = VisitId(UUID(int=77))
PEOPLE = {"c": CLINICIAN, "p": PATIENT, "t": TRAINEE, "d": DEVICE, "o": OBSERVER}


def test_a_device_brings_the_node_also_for_one_person_alone() -> None:
    for others in ([], [arrived(CLINICIAN, "c")], [arrived(CLINICIAN, "c"), arrived(PATIENT, "p")]):
        room, effects = run(*others, arrived(DEVICE, "d"))
        assert [each.epoch for each in effects if isinstance(each, Promote)] == [0]
        assert DEVICE.participant not in room.partners
        placed, _ = run(RoomPlaced(after(2), 1), room=room)
        assert placed.mode is Mode.NODE


def test_a_device_sends_only_and_an_observer_receives_only() -> None:
    room, _ = run(arrived(CLINICIAN, "c"), arrived(DEVICE, "d"), arrived(OBSERVER, "o"), RoomPlaced(after(1), 1))
    may: tuple[tuple[str, Direction], ...] = (("d", "send"), ("o", "recv"))
    may_not: tuple[tuple[str, Direction, str], ...] = (("d", "recv", "send-only"), ("o", "send", "receive-only"))
    for socket, direction, code in may_not:
        _, effects = run(said(socket, Offer(1, 1, direction, 1, "v=0")), room=room)
        assert [each.get("code") for each in answers(effects)] == [code]
    for socket, direction in may:
        _, effects = run(said(socket, Offer(1, 1, direction, 1, "v=0")), room=room)
        assert [each.vouched for each in effects if isinstance(each, Negotiate)] == [True]


def test_a_device_is_not_asked_to_be_recorded_and_an_observer_is() -> None:
    asked = TapAsked(after(2), Taking(Tap.RECORDING, UUID(int=9)), CLINICIAN.participant)
    room, _ = run(arrived(CLINICIAN, "c"), arrived(DEVICE, "d"), RoomPlaced(after(1), 1), asked)
    assert room.takes(Tap.RECORDING)
    room, effects = run(arrived(OBSERVER, "o", at=3), room=room)
    assert [seat.who for seat in room.unasked(Tap.RECORDING)] == [OBSERVER]
    assert not room.takes(Tap.RECORDING)
    assert any(isinstance(each, Pause) for each in effects)


WHATS = ("offer", "offer", "hold", "admit", "bye", "drop", "come", "come held back", "beat", "lost", "no node")
WHOSE = st.sampled_from("doodoocpt")
HAPPENED = st.lists(st.tuples(st.sampled_from(WHATS), WHOSE, st.integers(0, 40)), min_size=12, max_size=40)


def event(what: str, socket: str, at: int, room: Room) -> Event:
    who, host = PEOPLE[socket], room.host.connection if room.host is not None else None
    commands: dict[str, tuple[str | None, Command]] = {
        "offer": (socket, Offer(at, room.epoch, "send" if who.sends else "recv", 1, "v=0")),
        "hold": (host, Hold(at, who.participant)),
        "admit": (host, Admit(at, who.participant)),
        "bye": (socket, Bye(at)),
    }
    if what in commands:
        by, command = commands[what]
        return said(by or "nobody", command, at=at)
    others: dict[str, Event] = {
        "drop": Dropped(after(at), socket),
        "come": replace(arrived(who, socket, at=at), session=f"{socket} {at}"),
        "come held back": replace(arrived(who, socket, at=at, admitted=who.host), session=f"{socket} {at}"),
        "beat": Beat(after(at), socket, admitted=True),
        "lost": RoomPlaced(after(at), room.epoch + 1, "lost"),
        "no node": Unplaced(after(at), room.epoch),
    }
    return others[what]


@given(HAPPENED)
def test_whoever_has_media_at_the_node_is_seen_by_everybody_inside(happened: list[tuple[str, str, int]]) -> None:
    """No order of events leaves a connection at the room's place whose holder is not listed to all who are inside."""
    room, _ = run(arrived(CLINICIAN, "c"), arrived(DEVICE, "d"), arrived(OBSERVER, "o"), RoomPlaced(after(1), 1))
    connected, at = set[tuple[str, str]](), 1
    for what, socket, seconds in happened:
        before, at = room, at + seconds + 1
        room, effects = step(room, event(what, socket, at, room))
        connected = set() if room.epoch != before.epoch else after_effects(connected, effects)
        if room.mode is Mode.NODE:
            assert_all_seen(room, connected)


def after_effects(connected: set[tuple[str, str]], effects: tuple[Effect, ...]) -> set[tuple[str, str]]:
    for each in effects:
        if isinstance(each, Negotiate):
            connected = connected | {(str(each.participant), each.session)}
        if isinstance(each, Cut):
            connected = connected - {(str(each.participant), each.session)}
    return connected


def assert_all_seen(room: Room, connected: set[tuple[str, str]]) -> None:
    inside = {(str(seat.id), seat.session) for seat in room.inside}
    assert connected <= inside
    for reader in room.inside:
        listed = {peer["participant"] for peer in view(room, reader)["peers"]}
        assert {who for who, _ in connected} - {str(reader.id)} <= listed


def credential(kind: ParticipantKind = ParticipantKind.DEVICE, *, ended: bool = False) -> Credential:
    placed = Placed(seat="session-d", url="http://node", epoch=1, ice=1)
    who = DEVICE if kind is ParticipantKind.DEVICE else OBSERVER
    return Credential(
        participant=who.participant,
        kind=kind,
        visit_id=VISIT,
        expires_at=START + timedelta(minutes=30),
        ended=ended,
        session=Session(id=UUID(int=5), opened_at=START, placed=placed),
    )


SHOWN = st.builds(Shown, st.just("secret"), st.sampled_from([VISIT, UUID(int=78)]), st.sampled_from(Protocol))


@given(st.sampled_from(sorted(OPENS)), SHOWN, st.integers(-60, 60), st.booleans())
def test_a_credential_opens_its_own_visit_by_its_own_protocol_in_time(
    kind: ParticipantKind, shown: Shown, minutes: int, ended: bool
) -> None:
    good = shown.visit_id == VISIT and OPENS[kind] is shown.protocol and minutes < 30 and not ended
    at = START + timedelta(minutes=minutes)
    if good:
        check(credential(kind), shown, at)
    else:
        with pytest.raises(CredentialInvalid):
            check(credential(kind, ended=ended), shown, at)


def test_only_who_is_seen_at_the_place_of_their_media_goes_on() -> None:
    room, _ = run(arrived(CLINICIAN, "c"), arrived(DEVICE, str(UUID(int=5))), RoomPlaced(after(1), 1), room=Room())
    held = credential()
    assert standing(held, room) is Standing.SEEN
    assert standing(held, Room()) is Standing.LOST
    assert standing(held, run(RoomPlaced(after(2), 2, "lost"), room=room)[0]) is Standing.LOST
    assert standing(held, run(Unplaced(after(2), 1), room=room)[0]) is Standing.LOST
    assert standing(held, run(Dropped(after(2), str(UUID(int=5))), room=room)[0]) is Standing.LOST
    assert standing(held, run(arrived(DEVICE, "another"), room=room)[0]) is Standing.LOST
    assert standing(held, run(said("c", Hold(1, DEVICE.participant)), room=room)[0]) is Standing.HELD
    assert MediaState.CONNECTED not in {seat.media for seat in room.seats}


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300) | st.from_regex(r"(a=[a-z-]+:[ -~]*\r\n){0,9}"))
def test_whatever_a_fragment_is_it_is_read_or_refused(text: str) -> None:
    try:
        found = sdp_fragment.read(text)
    except FragmentMalformed:
        return
    answer = sdp_fragment.render(found, fragment="abcd", password="p" * 22, candidates=["a=end-of-candidates"])
    assert sdp_fragment.read(answer).fragment == "abcd"
    assert sdp_fragment.read(answer).mid == found.mid

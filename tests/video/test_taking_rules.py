"""Who may have a call recorded or captioned, when a recorder or a captioner takes part, and what ends it."""

from uuid import uuid4

import pytest

from telehealth.video.language import (
    AboutTap,
    Ask,
    Bye,
    Command,
    Consent,
    Effect,
    Finish,
    Hold,
    KeepConsent,
    Pause,
    Placed,
    Promote,
    Taking,
    TapAsked,
    TapOver,
    TapRequest,
)
from telehealth.video.room import Mode, Room, Taken, Tap
from telehealth.video.views import view
from tests.kit.rooms import CLINICIAN, INTERPRETER, PATIENT, TRAINEE, after, answers, arrived, both_here, run, said


@pytest.fixture(params=list(Tap))
def tap(request: pytest.FixtureRequest) -> Tap:
    found: Tap = request.param
    return found


def about_it(effects: list[Effect]) -> list[AboutTap]:
    return [each for each in effects if isinstance(each, Ask | KeepConsent | Pause | Finish)]


def written(effects: list[Effect]) -> TapAsked:
    """What is said once the asking is kept."""
    [ask] = [each for each in effects if isinstance(each, Ask)]
    return TapAsked(after(1), ask.taking, ask.participant)


def asked(tap: Tap) -> tuple[Room, Taking]:
    room, effects = run(said("c", TapRequest(1, tap, on=True)), room=both_here())
    room, _ = run(written(effects), room=room)
    taken = room.taken(tap)
    assert taken is not None
    return room, Taking(tap, taken.id)


def taken_by_all(tap: Tap) -> tuple[Room, Taking]:
    """Both agree, and the room has its place on a node."""
    room, taking = asked(tap)
    room, _ = run(said("p", Consent(1, taking, given=True)), Placed(after(3), 1), room=room)
    assert room.takes(tap)
    return room, taking


def test_the_host_asks_and_nothing_is_recorded_until_all_agree(tap: Tap) -> None:
    room, effects = run(said("c", TapRequest(1, tap, on=True)), room=both_here())
    assert room.taken(tap) is None  # nobody is told, so nobody answers, before it is kept
    taking = written(effects).taking
    assert about_it(effects) == [Ask(taking, CLINICIAN.participant)]
    room, effects = run(written(effects), room=room)
    assert not any(isinstance(each, Promote) for each in effects)
    seen = view(room, room.seats[1])[tap.value]
    assert (seen["on"], seen["waits_for"]) == (False, [str(PATIENT.participant)])
    room, effects = run(said("p", Consent(1, taking, given=True)), room=room)
    assert about_it(effects) == [KeepConsent(taking, PATIENT.participant, given=True)]
    assert any(isinstance(each, Promote) for each in effects)
    assert not view(room, room.seats[0])[tap.value]["on"]
    room, _ = run(Placed(after(3), 1), room=room)
    assert room.mode is Mode.NODE
    assert all(view(room, seat)[tap.value]["on"] for seat in room.seats)


@pytest.mark.parametrize("on", [True, False])
def test_nobody_but_the_host_asks(tap: Tap, on: bool) -> None:
    room, effects = run(said("p", TapRequest(1, tap, on)), room=both_here())
    assert answers(effects) == [{"type": "error", "code": "host-only", "id": 1}]
    assert room.taken(tap) is None


def test_one_recording_at_a_time_and_consent_is_to_that_one(tap: Tap) -> None:
    room, taking = asked(tap)
    refused = run(
        said("c", TapRequest(2, tap, on=True)), said("p", Consent(1, Taking(tap, uuid4()), given=True)), room=room
    )
    assert [each["code"] for each in answers(refused[1])] == [f"{tap}-already", f"no-{tap}"]
    assert refused[0].taken(tap) == Taken(taking.id, (CLINICIAN.participant,))


@pytest.mark.parametrize(("socket", "command"), [("p", "consent"), ("c", "consent"), ("c", "ask")])
@pytest.mark.parametrize("begun", [True, False])
def test_anybody_ends_it_at_once(tap: Tap, socket: str, command: str, begun: bool) -> None:
    room, taking = taken_by_all(tap) if begun else asked(tap)
    ending: Command = Consent(5, taking, given=False) if command == "consent" else TapRequest(5, tap, on=False)
    room, effects = run(said(socket, ending, at=9), room=room)
    first = about_it(effects)[0]
    assert isinstance(first, Finish)
    assert (first.taking, first.epoch) == (taking, 1 if begun else 0)
    assert first.by == (PATIENT if socket == "p" else CLINICIAN).participant
    assert first.why == ("declined" if command == "consent" else "stopped")
    assert room.taken(tap) is None
    assert not any(tap.value in view(room, seat) for seat in room.seats)
    assert answers(effects)[-1]["type"] == "ack"


@pytest.mark.parametrize("newcomer", [INTERPRETER, TRAINEE])
def test_who_comes_later_is_asked_before_the_recorder_goes_on(tap: Tap, newcomer: object) -> None:
    room, taking = taken_by_all(tap)
    who = INTERPRETER if newcomer is INTERPRETER else TRAINEE
    room, effects = run(arrived(who, "i", at=4), room=room)
    assert about_it(effects) == [Pause(taking, 1)]
    assert not room.takes(tap)
    welcome = answers(effects)[-1]
    assert welcome[tap.value]["waits_for"] == [str(who.participant)]  # type: ignore[index]
    assert effects.index(Pause(taking, 1)) < len(effects) - 1  # before they hear that they are in
    room, _ = run(said("i", Consent(1, taking, given=True), at=5), room=room)
    assert room.takes(tap)
    room, _ = run(said("i", Bye(2), at=6), arrived(who, "j", at=7), room=room)
    assert room.takes(tap)  # they agreed before


def test_who_waits_neither_sees_it_nor_is_asked_nor_answers(tap: Tap) -> None:
    room, taking = taken_by_all(tap)
    room, effects = run(arrived(INTERPRETER, "i", at=4, admitted=False), room=room)
    assert about_it(effects) == []
    assert tap.value not in answers(effects)[-1]
    room, effects = run(said("i", Consent(1, taking, given=False), at=5), room=room)
    assert answers(effects) == [{"type": "error", "code": "not-admitted", "id": 1}]
    assert room.takes(tap)


def test_without_the_host_it_pauses(tap: Tap) -> None:
    room, taking = taken_by_all(tap)
    room, effects = run(said("c", Bye(3), at=4), room=room)
    assert Pause(taking, 1) in effects
    room, _ = run(arrived(CLINICIAN, "d", at=5), room=room)
    assert room.takes(tap)


def test_a_node_that_dies_pauses_it_and_the_next_place_goes_on(tap: Tap) -> None:
    room, _ = taken_by_all(tap)
    room, _ = run(Placed(after(5), 2, "lost"), room=room)
    assert room.takes(tap)
    assert room.epoch == 2


def test_whoever_is_put_on_hold_is_not_asked(tap: Tap) -> None:
    room, _ = asked(tap)
    room, _ = run(said("c", Hold(2, PATIENT.participant), at=2), room=room)
    assert room.unasked(tap) == ()


def test_what_ended_by_itself_is_over_for_all(tap: Tap) -> None:
    room, taking = taken_by_all(tap)
    same, effects = run(TapOver(after(4), Taking(tap, uuid4())), room=room)
    assert (same.taken(tap), about_it(effects)) == (room.taken(tap), [])
    room, effects = run(TapOver(after(4), taking), room=room)
    assert room.taken(tap) is None
    assert about_it(effects) == [Finish(taking, 1, None, "over")]


def test_what_is_repeated_is_kept_again_and_changes_nothing(tap: Tap) -> None:
    room, taking = asked(tap)
    again, effects = run(said("c", TapRequest(1, tap, on=True)), room=room)
    assert about_it(effects) == [Ask(taking, CLINICIAN.participant)]
    assert again.taken(tap) == room.taken(tap)
    assert run(written(effects), room=again)[0] == again
    room, _ = taken_by_all(tap)
    room, _ = run(said("p", Consent(9, taking, given=False)), room=room)
    room, effects = run(said("p", Consent(9, taking, given=False)), room=room)
    assert about_it(effects) == [KeepConsent(taking, PATIENT.participant, given=False)]

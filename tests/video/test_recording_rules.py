"""Who may have a call recorded, when a recorder takes part, and what ends it."""

from uuid import UUID, uuid4

import pytest

from telehealth.video.language import (
    Ask,
    Bye,
    Command,
    Consent,
    Effect,
    Finish,
    Hold,
    KeepConsent,
    OfRecorder,
    Pause,
    Placed,
    Promote,
    RecordingAsked,
    RecordingOver,
    RecordRequest,
)
from telehealth.video.room import Mode, Room
from telehealth.video.views import view
from tests.kit.rooms import CLINICIAN, INTERPRETER, PATIENT, TRAINEE, after, answers, arrived, both_here, run, said


def of_recorder(effects: list[Effect]) -> list[OfRecorder]:
    return [each for each in effects if isinstance(each, Ask | KeepConsent | Pause | Finish)]


def written(effects: list[Effect]) -> RecordingAsked:
    """What is said once the asking is kept."""
    [ask] = [each for each in effects if isinstance(each, Ask)]
    return RecordingAsked(after(1), ask.recording, ask.participant)


def asked() -> tuple[Room, UUID]:
    room, effects = run(said("c", RecordRequest(1, on=True)), room=both_here())
    room, _ = run(written(effects), room=room)
    assert room.recording is not None
    return room, room.recording.id


def recorded() -> tuple[Room, UUID]:
    """Both agree, and the room has its place on a node."""
    room, recording = asked()
    room, _ = run(said("p", Consent(1, recording, given=True)), Placed(after(3), 1), room=room)
    assert room.records
    return room, recording


def test_the_host_asks_and_nothing_is_recorded_until_all_agree() -> None:
    room, effects = run(said("c", RecordRequest(1, on=True)), room=both_here())
    assert room.recording is None  # nobody is told, so nobody answers, before it is kept
    recording = written(effects).recording
    assert of_recorder(effects) == [Ask(recording, CLINICIAN.participant)]
    room, effects = run(written(effects), room=room)
    assert not any(isinstance(each, Promote) for each in effects)
    seen = view(room, room.seats[1])["recording"]
    assert (seen["on"], seen["waits_for"]) == (False, [str(PATIENT.participant)])
    room, effects = run(said("p", Consent(1, recording, given=True)), room=room)
    assert of_recorder(effects) == [KeepConsent(recording, PATIENT.participant, given=True)]
    assert any(isinstance(each, Promote) for each in effects)
    assert not view(room, room.seats[0])["recording"]["on"]
    room, _ = run(Placed(after(3), 1), room=room)
    assert room.mode is Mode.NODE
    assert all(view(room, seat)["recording"]["on"] for seat in room.seats)


@pytest.mark.parametrize("command", [RecordRequest(1, on=True), RecordRequest(1, on=False)])
def test_nobody_but_the_host_asks(command: RecordRequest) -> None:
    room, effects = run(said("p", command), room=both_here())
    assert answers(effects) == [{"type": "error", "code": "host-only", "id": 1}]
    assert room.recording is None


def test_one_recording_at_a_time_and_consent_is_to_that_one() -> None:
    room, recording = asked()
    refused = run(said("c", RecordRequest(2, on=True)), said("p", Consent(1, uuid4(), given=True)), room=room)
    assert [each["code"] for each in answers(refused[1])] == ["recording-already", "no-recording"]
    assert refused[0].recording is not None
    assert refused[0].recording.agreed == (CLINICIAN.participant,)
    assert refused[0].recording.id == recording


@pytest.mark.parametrize(("socket", "command"), [("p", "consent"), ("c", "consent"), ("c", "ask")])
@pytest.mark.parametrize("begun", [True, False])
def test_anybody_ends_it_at_once(socket: str, command: str, begun: bool) -> None:
    room, recording = recorded() if begun else asked()
    ending: Command = Consent(5, recording, given=False) if command == "consent" else RecordRequest(5, on=False)
    room, effects = run(said(socket, ending, at=9), room=room)
    first = of_recorder(effects)[0]
    assert isinstance(first, Finish)
    assert (first.recording, first.epoch) == (recording, 1 if begun else 0)
    assert first.by == (PATIENT if socket == "p" else CLINICIAN).participant
    assert first.why == ("declined" if command == "consent" else "stopped")
    assert room.recording is None
    assert not any("recording" in view(room, seat) for seat in room.seats)
    assert answers(effects)[-1]["type"] == "ack"


@pytest.mark.parametrize("newcomer", [INTERPRETER, TRAINEE])
def test_who_comes_later_is_asked_before_the_recorder_goes_on(newcomer: object) -> None:
    room, recording = recorded()
    who = INTERPRETER if newcomer is INTERPRETER else TRAINEE
    room, effects = run(arrived(who, "i", at=4), room=room)
    assert of_recorder(effects) == [Pause(recording, 1)]
    assert not room.records
    welcome = answers(effects)[-1]
    assert welcome["recording"]["waits_for"] == [str(who.participant)]  # type: ignore[index]
    assert effects.index(Pause(recording, 1)) < len(effects) - 1  # before they hear that they are in
    room, _ = run(said("i", Consent(1, recording, given=True), at=5), room=room)
    assert room.records
    room, _ = run(said("i", Bye(2), at=6), arrived(who, "j", at=7), room=room)
    assert room.records  # they agreed before


def test_who_waits_neither_sees_it_nor_is_asked_nor_answers() -> None:
    room, recording = recorded()
    room, effects = run(arrived(INTERPRETER, "i", at=4, admitted=False), room=room)
    assert of_recorder(effects) == []
    assert "recording" not in answers(effects)[-1]
    room, effects = run(said("i", Consent(1, recording, given=False), at=5), room=room)
    assert answers(effects) == [{"type": "error", "code": "not-admitted", "id": 1}]
    assert room.records


def test_without_the_host_it_pauses() -> None:
    room, recording = recorded()
    room, effects = run(said("c", Bye(3), at=4), room=room)
    assert Pause(recording, 1) in effects
    room, _ = run(arrived(CLINICIAN, "d", at=5), room=room)
    assert room.records


def test_a_node_that_dies_pauses_it_and_the_next_place_goes_on() -> None:
    room, _ = recorded()
    room, _ = run(Placed(after(5), 2, "lost"), room=room)
    assert room.records
    assert room.epoch == 2


def test_whoever_is_put_on_hold_is_not_asked() -> None:
    room, _ = asked()
    room, _ = run(said("c", Hold(2, PATIENT.participant), at=2), room=room)
    assert room.unasked == ()


def test_what_ended_by_itself_is_over_for_all() -> None:
    room, recording = recorded()
    same, effects = run(RecordingOver(after(4), uuid4()), room=room)
    assert (same.recording, of_recorder(effects)) == (room.recording, [])
    room, effects = run(RecordingOver(after(4), recording), room=room)
    assert room.recording is None
    assert of_recorder(effects) == [Finish(recording, 1, None, "over")]


def test_what_is_repeated_is_kept_again_and_changes_nothing() -> None:
    room, recording = asked()
    again, effects = run(said("c", RecordRequest(1, on=True)), room=room)
    assert of_recorder(effects) == [Ask(recording, CLINICIAN.participant)]
    assert again.recording == room.recording
    assert run(written(effects), room=again)[0] == again
    room, _ = recorded()
    room, _ = run(said("p", Consent(9, recording, given=False)), room=room)
    room, effects = run(said("p", Consent(9, recording, given=False)), room=room)
    assert of_recorder(effects) == [KeepConsent(recording, PATIENT.participant, given=False)]

"""The room's decisions for two people: examples that read like a visit."""

from collections.abc import Mapping
from typing import Any

from telehealth.video.language import (
    Beat,
    Bye,
    Chat,
    Dropped,
    Mute,
    NoSeat,
    Renew,
    Report,
    Resume,
    Send,
    Signal,
    Taken,
)
from telehealth.video.room import MediaState, Room, Together, silent
from telehealth.video.rules import step
from telehealth.video.views import view
from tests.kit.rooms import (
    CLINICIAN,
    HEIR,
    PATIENT,
    PROXY,
    START,
    TRAINEE,
    after,
    answers,
    arrived,
    both_here,
    connect,
    run,
    said,
    sends,
)


def listed(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(peer["role"], peer["presence"]) for peer in view["peers"]]


def test_the_second_to_arrive_finds_the_first_and_the_first_is_told() -> None:
    room, effects = run(arrived(CLINICIAN, "c"), arrived(PATIENT, "p"))
    host, guest = answers(effects)
    assert (host["polite"], guest["polite"]) == (False, True)
    assert host["peers"] == []
    assert listed(guest) == [("clinician", "present")]
    (state,) = sends(effects)
    assert state.to == "session-c"
    assert listed(state.message) == [("patient", "present")]
    assert state.message["generation"] == guest["generation"] == room.generation == 2


def test_a_patient_who_waits_neither_sees_nor_reaches_anyone() -> None:
    room, effects = run(arrived(CLINICIAN, "c"), arrived(PATIENT, "p", admitted=False))
    assert answers(effects)[1]["peers"] == []
    assert sends(effects) == [
        Send(1, "session-c", {"type": "state", **view(room, room.seats[0]), "seq": 1})
    ]  # that the room has a new generation, and nothing of who waits
    assert view(room, room.seats[0])["peers"] == []
    _, effects = run(said("p", Chat(1, "hello")), said("c", Chat(1, "hello")), room=room)
    assert [answer["code"] for answer in answers(effects)] == ["not-admitted", "alone"]


def test_admission_opens_the_room_and_taking_it_back_closes_it() -> None:
    waiting, _ = run(arrived(CLINICIAN, "c"), arrived(PATIENT, "p", admitted=False))
    room, effects = run(Beat(after(1), "p", admitted=True), room=waiting)
    assert {send.to for send in sends(effects)} == {"session-c", "session-p"}
    room, effects = run(Beat(after(2), "p", admitted=False), said("c", Chat(1, "still there?"), at=3), room=room)
    assert answers(effects) == [{"type": "error", "code": "alone", "id": 1}]


def test_a_signal_reaches_the_other_side_as_it_was_said() -> None:
    _, effects = run(said("c", Signal(1, "description", 2, {"type": "offer", "sdp": "v=0"})), room=both_here())
    (send,) = sends(effects)
    assert (send.to, send.message["description"]) == ("session-p", {"type": "offer", "sdp": "v=0"})
    assert answers(effects) == [{"type": "ack", "id": 1}]


def test_a_signal_of_an_earlier_connection_is_refused() -> None:
    _, effects = run(said("c", Signal(1, "candidate", 1, None)), room=both_here())
    assert sends(effects) == []
    assert answers(effects) == [{"type": "error", "code": "stale-generation", "id": 1}]


def test_a_command_said_twice_takes_effect_once() -> None:
    command = said("c", Chat(1, "good morning"))
    _, effects = run(command, command, room=both_here())
    assert len(sends(effects)) == 1
    assert answers(effects) == [{"type": "ack", "id": 1}] * 2


def test_a_broken_socket_comes_back_to_its_session_within_a_minute() -> None:
    room, effects = run(Dropped(after(1), "p"), room=both_here())
    assert listed(sends(effects)[0].message) == [("patient", "away")]
    back = arrived(PATIENT, "p2", at=61, resume=Resume("session-p", room.seq))
    late = arrived(PATIENT, "p2", at=62, resume=Resume("session-p", room.seq))
    _, soon = step(room, back)
    _, later = step(room, late)
    assert {"resumed": True, "generation": 2}.items() <= answers(soon)[0].items()
    assert {"resumed": False, "generation": 3}.items() <= answers(later)[0].items()


def test_what_was_said_while_away_waits_for_them() -> None:
    room, _ = run(Dropped(after(1), "p"), room=both_here())
    _, effects = run(said("c", Signal(1, "candidate", 2, None), at=2), room=room)
    assert [send.to for send in sends(effects)] == ["session-p"]


def test_a_reload_gives_both_a_new_generation_and_sends_the_old_window_away() -> None:
    room, effects = step(both_here(), arrived(PATIENT, "p2", at=1))
    gone, told = sends(effects)
    assert (gone.to, gone.message["reason"]) == ("p", "replaced")
    assert (told.to, told.message["generation"]) == ("session-c", 3)
    assert step(room, Dropped(after(2), "p"))[0] == room


def test_nobody_takes_a_seat_that_someone_else_holds() -> None:
    room = both_here()
    assert step(room, arrived(HEIR, "x", at=1)) == (room, (Taken(),))


def test_another_persons_session_cannot_be_resumed() -> None:
    room, _ = run(Dropped(after(1), "p"), room=both_here())
    _, effects = step(room, arrived(PROXY, "x", at=2, resume=Resume("session-p", 0)))
    assert answers(effects)[0]["resumed"] is False


def test_a_socket_whose_process_died_is_away_and_has_to_come_back() -> None:
    room, effects = run(Beat(after(16), "c", admitted=True), room=both_here())
    assert listed(sends(effects)[0].message) == [("patient", "away")]
    assert step(room, Beat(after(17), "p", admitted=True))[1] == (NoSeat(),)


def test_what_somebody_does_not_send_is_told_until_they_take_their_seat_anew() -> None:
    room, effects = run(said("p", Mute(1, ("audio", "video"))), said("p", Mute(2, ("video",))), room=both_here())
    assert [send.message["peers"][0]["muted"] for send in sends(effects)] == [["audio", "video"], ["video"]]
    assert {send.to for send in sends(effects)} == {"session-c"}
    back, _ = run(Dropped(after(2), "p"), arrived(PATIENT, "p2", at=3, resume=Resume("session-p", room.seq)), room=room)
    assert view(back, back.seats[0])["peers"][0]["muted"] == ["video"]
    anew, _ = run(arrived(PATIENT, "p3", at=4), room=back)
    assert "muted" not in view(anew, anew.seats[0])["peers"][0]


def test_who_waits_comes_in_with_the_camera_off_and_who_sends_nothing_has_none_to_switch_off() -> None:
    waiting, _ = run(arrived(CLINICIAN, "c"), arrived(PATIENT, "p", admitted=False))
    room, effects = run(said("p", Mute(1, ("video",))), room=waiting)
    assert sends(effects) == []
    room, effects = run(Beat(after(2), "p", admitted=True), room=room)
    told = {send.to: send.message["peers"] for send in sends(effects)}
    assert told["session-c"][0]["muted"] == ["video"]
    _, effects = run(arrived(TRAINEE, "t"), said("t", Mute(1, ("video",))), room=room)
    assert answers(effects)[-1] == {"type": "error", "code": "receive-only", "id": 1}


def test_renewing_gives_both_a_new_generation_once() -> None:
    room, effects = run(said("c", Renew(1, 2)), said("p", Renew(1, 2)), room=both_here())
    assert room.generation == 3
    assert answers(effects)[-1]["code"] == "stale-generation"


def test_the_visit_is_connected_when_both_say_so_and_lost_when_both_do() -> None:
    room, _ = run(said("c", Report(1, MediaState.CONNECTED, 2)), room=both_here())
    assert room.together is Together.NOT_YET
    room = connect(both_here())
    assert room.together is Together.CONNECTED
    room, _ = run(said("c", Report(2, MediaState.DISCONNECTED, 2)), room=room)
    assert room.together is Together.CONNECTED
    room, _ = run(said("p", Report(2, MediaState.FAILED, 2)), room=room)
    assert room.together is Together.LOST
    room, _ = run(*(said(who, Report(3, MediaState.CONNECTED, 2)) for who in "cp"), room=room)
    assert room.together is Together.CONNECTED


def test_hanging_up_a_broken_socket_and_a_reload_lose_nothing() -> None:
    room = connect(both_here())
    for event in (said("p", Bye(2)), Dropped(after(2), "p"), arrived(PATIENT, "p2", at=2)):
        assert step(room, event)[0].together is Together.CONNECTED


def test_a_window_that_was_closed_counts_as_lost_after_a_minute() -> None:
    room, _ = run(Dropped(after(1), "p"), said("c", Report(2, MediaState.FAILED, 2), at=9), room=connect(both_here()))
    assert room.together is Together.CONNECTED
    assert run(Beat(after(62), "c", admitted=True), room=room)[0].together is Together.LOST


def test_a_call_that_everybody_left_is_lost() -> None:
    room, _ = run(said("c", Bye(2)), room=connect(both_here()))
    assert room.together is Together.CONNECTED  # the patient has not said so yet
    assert run(said("p", Bye(2), at=2), room=room)[0].together is Together.LOST
    assert run(said("p", Report(2, MediaState.FAILED, 2), at=9), room=room)[0].together is Together.LOST
    assert run(Dropped(after(2), "p"), arrived(PATIENT, "p2", at=3), room=room)[0].together is Together.LOST


def test_whoever_hung_up_may_come_back() -> None:
    room, _ = run(said("c", Bye(2)), said("p", Report(2, MediaState.FAILED, 2)), room=connect(both_here()))
    room, _ = run(arrived(CLINICIAN, "c2", at=20), room=room)
    assert room.together is Together.LOST
    reports = [said("c2", Report(1, MediaState.CONNECTED, 3)), said("p", Report(3, MediaState.CONNECTED, 3))]
    assert run(*reports, room=room)[0].together is Together.CONNECTED


def test_a_call_whose_browsers_crashed_falls_silent_after_a_minute() -> None:
    room, _ = run(Dropped(after(5), "c"), Dropped(after(8), "p"), room=connect(both_here()))
    assert not silent(room, after(65))
    assert not silent(room, after(68))  # one is still believed
    assert silent(room, after(69))
    assert silent(Room(), START)
    assert not silent(both_here(), START)  # they are about to connect

"""More than two: who is connected with whom, when the media node is asked for, and the way back."""

from dataclasses import replace
from typing import Any

import pytest

from telehealth.video.language import (
    Admit,
    Arrived,
    Beat,
    Bye,
    Chat,
    Cut,
    Deny,
    Dropped,
    Effect,
    Full,
    Hold,
    Keep,
    LetIn,
    Negotiate,
    Offer,
    Placed,
    Promote,
    PutOut,
    Release,
    Renew,
    Report,
    Resume,
    Signal,
    Stats,
    Unplaced,
)
from telehealth.video.room import MOST_SEATS, MediaState, Mode, Room, Together, Who
from telehealth.video.rules import step
from telehealth.video.views import view
from telehealth.visits.lifecycle.parts import ParticipantKind
from tests.kit.rooms import (
    CLINICIAN,
    INTERPRETER,
    PATIENT,
    PROXY,
    TRAINEE,
    after,
    answers,
    arrived,
    both_here,
    connect,
    run,
    said,
    sends,
    somebody,
)

CONNECTED = MediaState.CONNECTED


def three_here() -> Room:
    """Two browsers connected, and an interpreter who has just come."""
    return run(arrived(INTERPRETER, "i", at=2), room=connect(both_here()))[0]


def on_node(room: Room | None = None) -> Room:
    return run(Placed(after(3), 1), room=room or three_here())[0]


def seen_by(room: Room, who: Who) -> dict[str, Any]:
    seat = room.of(who.participant)
    assert seat is not None
    return dict(view(room, seat))


def asked(effects: list[Effect] | tuple[Effect, ...], kind: type[Any]) -> list[Any]:
    return [each for each in effects if isinstance(each, kind)]


def test_a_third_asks_for_the_node_and_disturbs_nobody_meanwhile() -> None:
    two = connect(both_here())
    room, effects = run(arrived(INTERPRETER, "i", at=2), room=two)
    assert asked(effects, Promote) == [Promote(0)]
    assert (room.generation, room.together) == (two.generation, Together.CONNECTED)
    assert seen_by(room, CLINICIAN)["partner"] == str(PATIENT.participant)
    assert seen_by(room, INTERPRETER)["partner"] is None
    assert {peer["kind"] for peer in seen_by(room, INTERPRETER)["peers"]} == {"clinician", "patient"}
    _, effects = run(said("i", Signal(1, "candidate", room.generation, None)), room=room)
    assert answers(effects)[0]["code"] == "not-partner"


def test_the_node_is_asked_for_again_until_there_is_a_place() -> None:
    room = three_here()
    room, effects = run(Beat(after(4), "c", admitted=True), Beat(after(6), "p", admitted=True), room=room)
    assert asked(effects, Promote) == []
    assert asked(run(Beat(after(7), "c", admitted=True), room=room)[1], Promote) == [Promote(0)]


def test_everybody_hears_of_the_place_and_media_go_on() -> None:
    room, effects = run(Placed(after(3), 1), room=three_here())
    assert {send.to for send in sends(effects)} == {"session-c", "session-p", "session-i"}
    assert all(send.message["mode"] == "node" and send.message["epoch"] == 1 for send in sends(effects))
    assert room.together is Together.CONNECTED  # nobody has to look away while the way changes
    assert seen_by(room, CLINICIAN)["partner"] is None


def test_whoever_is_inside_gets_to_the_node_at_the_present_place_only() -> None:
    room = on_node()
    _, effects = run(said("i", Offer(1, 1, "send", 1, "v=0")), said("p", Offer(2, 1, "recv", 1, "v=0")), room=room)
    assert [(each.participant, each.offer.direction) for each in asked(effects, Negotiate)] == [
        (INTERPRETER.participant, "send"),
        (PATIENT.participant, "recv"),
    ]
    for command in (Offer(1, 2, "send", 1, "v=0"), Report(1, CONNECTED, None, 2)):
        _, effects = run(said("i", command), room=room)
        assert answers(effects) == [{"type": "error", "code": "stale-epoch", "id": 1}]
    _, effects = run(said("i", Offer(1, 1, "send", 1, "v=0")), room=three_here())
    assert answers(effects)[0]["code"] == "stale-epoch"


def test_whose_media_run_at_the_present_place_is_told_to_all() -> None:
    room, effects = run(said("i", Report(1, CONNECTED, None, 1)), room=on_node())
    assert {send.to for send in sends(effects)} == {"session-c", "session-p"}
    assert [(peer["kind"], peer["live"]) for peer in seen_by(room, CLINICIAN)["peers"]] == [
        ("patient", False),
        ("interpreter", True),
    ]
    room, _ = run(Placed(after(9), 2, "lost"), room=room)
    assert not any(peer["live"] for peer in seen_by(room, CLINICIAN)["peers"])


def test_a_trainee_only_receives_and_so_needs_the_node() -> None:
    room, effects = run(arrived(CLINICIAN, "c"), arrived(TRAINEE, "t"))
    assert asked(effects, Promote) == [Promote(0)]
    assert seen_by(room, TRAINEE)["partner"] is None
    room = on_node(room)
    _, effects = run(said("t", Offer(1, 1, "send", 1, "v=0")), said("t", Offer(2, 1, "recv", 1, "v=0")), room=room)
    assert answers(effects)[0]["code"] == "receive-only"
    assert [each.offer.direction for each in asked(effects, Negotiate)] == ["recv"]


def test_policy_wants_the_node_for_two() -> None:
    _, effects = run(arrived(CLINICIAN, "c", least=Mode.NODE), arrived(PATIENT, "p", least=Mode.NODE))
    assert asked(effects, Promote) == [Promote(0)]


def test_two_renewals_that_bring_nothing_ask_for_the_node_and_one_that_does_is_forgotten() -> None:
    room, effects = run(said("c", Renew(1, 2)), room=both_here())
    assert asked(effects, Promote) == []
    assert asked(run(said("p", Renew(1, 3)), room=room)[1], Promote) == [Promote(0)]
    through = run(*(said(each, Report(2, CONNECTED, 3)) for each in "cp"), room=room)[0]
    assert asked(run(said("p", Renew(3, 3)), room=through)[1], Promote) == []


def test_the_patient_goes_before_the_interpreter() -> None:
    room, _ = run(arrived(CLINICIAN, "c"), arrived(INTERPRETER, "i"))
    assert seen_by(room, CLINICIAN)["partner"] == str(INTERPRETER.participant)
    assert not seen_by(room, CLINICIAN)["polite"]
    assert seen_by(room, INTERPRETER)["polite"]
    before = room.generation
    room, _ = run(arrived(PATIENT, "p", at=1), room=room)
    assert seen_by(room, CLINICIAN)["partner"] == str(PATIENT.participant)
    assert room.generation > before  # the clinician's browser makes a new connection


def test_of_two_who_are_not_the_host_one_is_polite() -> None:
    room, _ = run(arrived(PROXY, "x"), arrived(PATIENT, "p"))
    assert [seen_by(room, who)["polite"] for who in (PATIENT, PROXY)] == [False, True]


def test_when_two_are_left_for_half_a_minute_they_go_back_to_each_other() -> None:
    room, effects = run(said("i", Offer(1, 1, "send", 1, "v=0")), said("i", Bye(2), at=4), room=on_node())
    assert asked(effects, Cut) == [Cut(INTERPRETER.participant, "session-i", 1, ("send-1",))]
    room, effects = run(Beat(after(33), "c", admitted=True), room=room)
    assert (room.mode, asked(effects, Release)) == (Mode.NODE, [])
    before = room.generation
    room, effects = run(Beat(after(34), "c", admitted=True), room=room)
    assert (room.mode, asked(effects, Release)) == (Mode.P2P, [Release(1)])
    assert room.generation == before + 1
    assert seen_by(room, PATIENT)["partner"] == str(CLINICIAN.participant)
    assert room.together is Together.CONNECTED


def test_a_third_who_comes_back_in_time_keeps_the_node() -> None:
    room, _ = run(said("i", Bye(1), at=4), arrived(INTERPRETER, "i2", at=20), room=on_node())
    room, effects = run(Beat(after(40), "c", admitted=True), room=room)
    assert (room.mode, asked(effects, Release)) == (Mode.NODE, [])


def test_a_room_whose_node_died_hears_where_it_is_now() -> None:
    room, effects = run(Placed(after(9), 2, "lost"), room=on_node())
    moved = [send.message for send in sends(effects) if send.message["type"] == "moved"]
    assert [(each["epoch"], each["reason"]) for each in moved] == [(2, "lost")] * 3
    assert room.together is Together.CONNECTED
    late, effects = run(Placed(after(9), 1), room=room)
    assert (late, effects) == (room, [])


def test_without_any_node_two_at_least_go_on() -> None:
    room, _ = run(Unplaced(after(9), 1), room=on_node())
    assert room.mode is Mode.P2P
    assert seen_by(room, CLINICIAN)["partner"] == str(PATIENT.participant)
    room, effects = run(Beat(after(14), "c", admitted=True), room=room)
    assert asked(effects, Promote) == [Promote(1)]


def test_a_place_that_came_too_late_is_given_back() -> None:
    two, _ = run(said("i", Bye(1)), room=three_here())
    room, effects = step(two, Placed(after(5), 1))
    assert (room.mode, asked(effects, Release)) == (Mode.P2P, [Release(1)])


def test_on_the_node_a_visit_is_lost_when_one_side_has_gone() -> None:
    room, _ = run(said("c", Bye(9)), room=on_node())
    assert room.together is Together.LOST


def test_the_host_holds_and_lets_in_again() -> None:
    offers = [said("i", Offer(number, 1, "send", number, "v=0")) for number in (1, 2)]
    room, effects = run(*offers, said("c", Hold(9, INTERPRETER.participant)), room=on_node())
    assert [each.ways for each in asked(effects, Cut)] == [("send-1", "send-2")]
    assert seen_by(room, INTERPRETER)["peers"] == []
    assert seen_by(room, PATIENT)["peers"][0]["role"] == "clinician"
    assert [peer.get("held", False) for peer in seen_by(room, CLINICIAN)["peers"]] == [False, True]
    _, effects = run(said("i", Chat(3, "hello?")), said("p", Admit(9, INTERPRETER.participant)), room=room)
    assert [answer["code"] for answer in answers(effects)] == ["not-admitted", "host-only"]
    reloaded, _ = run(arrived(INTERPRETER, "i2", at=5), room=room)
    assert seen_by(reloaded, INTERPRETER)["peers"] == []
    came_back, _ = run(said("i", Bye(4)), arrived(INTERPRETER, "i2", at=5), room=room)
    assert seen_by(came_back, INTERPRETER)["peers"] == []
    assert (
        len(seen_by(run(said("c", Admit(10, INTERPRETER.participant)), room=came_back)[0], INTERPRETER)["peers"]) == 2
    )
    room, effects = run(said("c", Admit(10, INTERPRETER.participant)), room=room)
    assert len(seen_by(room, INTERPRETER)["peers"]) == 2
    assert asked(effects, LetIn) == []


def test_who_waits_outside_the_room_is_let_in_through_the_visit() -> None:
    room, effects = run(said("c", Admit(1, INTERPRETER.participant)), room=both_here())
    assert asked(effects, LetIn) == [LetIn(1, INTERPRETER.participant)]
    assert answers(effects) == []  # acknowledged when the visit has agreed
    assert room.of(INTERPRETER.participant) is None


def test_whoever_is_denied_hears_nothing_from_then_on() -> None:
    room, effects = run(said("c", Deny(9, INTERPRETER.participant)), room=three_here())
    assert asked(effects, PutOut) == [PutOut(9, INTERPRETER.participant)]
    assert seen_by(room, INTERPRETER)["peers"] == []
    for command in (Hold(9, CLINICIAN.participant), Hold(9, PROXY.participant)):
        assert answers(run(said("c", command), room=three_here())[1])[0]["code"] == "nobody"


def test_chat_reaches_everyone_inside_and_is_kept_before_it_is_acknowledged() -> None:
    room = three_here()
    room, effects = run(said("i", Chat(1, "buenos días")), room=room)
    assert [send.to for send in sends(effects)] == ["session-c", "session-p"]
    kept = asked(effects, Keep)[0]
    assert (kept.speaker, kept.number, kept.text) == (INTERPRETER, 1, "buenos días")
    assert set(kept.heard_by) == {each.participant for each in (CLINICIAN, PATIENT, INTERPRETER)}
    assert effects.index(kept) < len(effects) - 1
    again = step(room, said("i", Chat(1, "buenos días")))[1]
    assert [type(each).__name__ for each in again] == ["Keep", "Answer"]


def test_a_companion_who_stays_away_has_gone_and_others_have_not() -> None:
    room, _ = run(*(Beat(after(40), each, admitted=True) for each in "cp"), room=three_here())
    room, _ = run(Beat(after(63), "c", admitted=True), room=room)
    assert room.of(INTERPRETER.participant) is None
    room, _ = run(Beat(after(130), "c", admitted=True), room=room)
    assert room.of(PATIENT.participant) is not None


def test_a_room_has_so_many_seats() -> None:
    everyone = [arrived(somebody(20 + number, ParticipantKind.FAMILY), f"f{number}") for number in range(MOST_SEATS)]
    room, _ = run(*everyone)
    assert step(room, arrived(PATIENT, "p")) == (room, (Full(),))
    assert isinstance(everyone[0], Arrived)
    assert len(run(everyone[0], room=room)[0].seats) == MOST_SEATS


@pytest.mark.parametrize(
    ("stats", "quality"),
    [
        (Stats(1, 40, 0.0, 900, 0, relayed=False), "good"),
        (Stats(1, 400, 0.0, 900, 0, relayed=True), "fair"),
        (Stats(1, 40, 0.13, 900, 0, relayed=False), "poor"),
        (Stats(1, 40, 0.0, 60, 0, relayed=False), "good"),  # a camera that is off
        (Stats(1, 40, 0.0, 60, 4000, relayed=False), "poor"),
    ],
)
def test_the_clinician_sees_how_well_the_patient_receives(stats: Stats, quality: str) -> None:
    room, _ = run(said("p", stats), room=both_here())
    assert seen_by(room, CLINICIAN)["peers"][0]["quality"] == quality
    assert seen_by(room, PATIENT)["you"]["quality"] == quality
    room, _ = run(said("c", stats), room=both_here())
    assert "quality" not in seen_by(room, PATIENT)["peers"][0]


def test_three_bad_seconds_stop_the_picture_and_ten_good_ones_bring_it_back() -> None:
    told = list[tuple[int, bool]]()
    room = connect(both_here())
    losses = (0.2, 0.2, 0.0, 0.2, 0.2, 0.2, 0.2, *[0.0] * 5, 0.2, *[0.0] * 12)  # of one second each
    for second, loss in enumerate(losses, start=1):
        stats = Stats(second + 1, 40, loss, 900, 0, relayed=False, jitter_ms=4)
        room, effects = run(said("p", stats, at=second), room=room)
        limits = [send for send in sends(effects) if send.message["type"] == "limits"]
        assert all(send.to == "session-c" for send in limits)
        told += [(second, send.message["video"]) for send in limits]
        sees = not told or told[-1][1]
        assert seen_by(room, PATIENT)["you"].get("video", True) is sees
        assert "video" not in seen_by(room, CLINICIAN)["you"]
    assert told == [(6, False), (23, True)]


def test_a_room_that_was_lost_goes_on_where_its_media_run() -> None:
    back = [
        replace(arrived(who, name), epoch=3) for who, name in ((CLINICIAN, "c"), (PATIENT, "p"), (INTERPRETER, "i"))
    ]
    room, effects = run(*back)
    assert (room.mode, room.epoch) == (Mode.NODE, 3)
    assert not [each for each in effects if isinstance(each, Promote | Release)]
    later, effects = run(replace(arrived(PROXY, "x", at=1), epoch=4), room=room)
    assert (later.mode, later.epoch) == (Mode.NODE, 3)  # of a room that is there, its own word counts
    two, effects = run(replace(arrived(CLINICIAN, "c"), epoch=3), replace(arrived(PATIENT, "p"), epoch=3))
    assert two.mode is Mode.NODE
    calm, effects = run(Beat(after(31), "c", admitted=True), room=two)
    assert calm.mode is Mode.P2P
    assert Release(3) in effects


def test_in_a_room_that_was_lost_sessions_go_on_so_that_connections_do() -> None:
    lost = Resume("session-before", 40)
    room, effects = run(replace(arrived(PATIENT, "p", resume=lost), epoch=3))
    [told] = answers(effects)
    assert {"session": "session-before", "resumed": False, "ack": 0, "seq": room.seq}.items() <= told.items()
    room, effects = run(replace(arrived(INTERPRETER, "i", resume=lost), epoch=3), room=room)
    assert [seat.session for seat in room.seats] == ["session-before", "session-i"]  # nobody else's
    again, effects = run(
        Dropped(after(1), "p"), arrived(PATIENT, "p2", at=2, resume=Resume(lost.session, room.seq)), room=room
    )
    assert answers(effects)[-1]["resumed"] is True
    assert len(again.seats) == 2
    two, _ = run(arrived(PATIENT, "p", resume=lost))
    assert two.seats[0].session == "session-p"  # between browsers nothing goes by it


BEFORE = Resume("session-before", 40)


def rebuilt() -> Room:
    """A room that was lost; the interpreter, of `session-before`, has not come back yet."""
    return run(*(replace(arrived(who, name), epoch=3) for who, name in ((CLINICIAN, "c"), (PATIENT, "p"))))[0]


def named(room: Room) -> str:
    seat = room.of(INTERPRETER.participant)
    assert seat is not None
    return seat.session


@pytest.mark.parametrize(("at", "name"), [(0, "session-before"), (60, "session-before"), (61, "session-i")])
def test_a_session_from_before_a_loss_goes_on_for_as_long_as_one_resumes(at: int, name: str) -> None:
    room, _ = run(arrived(INTERPRETER, "i", at=at, resume=BEFORE), room=rebuilt())
    assert named(room) == name
    assert (room.rebuilt is None) is (name == "session-i")


def test_in_a_room_that_stands_nobody_has_a_session_that_it_never_saw() -> None:
    assert (
        named(run(arrived(INTERPRETER, "i2", at=4, resume=BEFORE), room=run(said("i", Bye(1)), room=on_node())[0])[0])
        == "session-i2"
    )


@pytest.mark.parametrize("back", [False, True])
def test_whoever_hung_up_comes_back_under_a_new_name_whose_numbers_begin_anew(back: bool) -> None:
    """Or what they write would be taken for what they wrote before; also in a room that was lost a moment ago."""
    room = run(arrived(INTERPRETER, "i", resume=BEFORE), room=rebuilt())[0] if back else on_node()
    name = named(room)
    room, effects = run(said("i", Offer(1, room.epoch, "send", 1, "v=0")), said("i", Bye(2), at=4), room=room)
    [cut] = asked(effects, Cut)
    room, effects = run(arrived(INTERPRETER, "i2", at=5, resume=Resume(name, room.seq)), room=room)
    assert {"session": "session-i2", "resumed": False, "ack": 0}.items() <= answers(effects)[-1].items()
    assert cut.session == name  # a late one ends nothing of theirs


def test_whoever_was_forgotten_comes_back_under_a_new_name() -> None:
    room, _ = run(Dropped(after(3), "i"), Beat(after(64), "c", admitted=True), room=on_node())
    assert room.of(INTERPRETER.participant) is None
    room, effects = run(arrived(INTERPRETER, "i2", at=65, resume=Resume("session-i", room.seq)), room=room)
    assert {"session": "session-i2", "resumed": False}.items() <= answers(effects)[-1].items()

"""The room's decisions: examples that read like a visit, and what holds whatever anyone does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.actors import Role
from telehealth.video.room import MediaState, Room, Together, silent
from telehealth.video.rules import (
    Answer,
    Arrived,
    Beat,
    Bye,
    Chat,
    Command,
    Dropped,
    Effect,
    Event,
    NoSeat,
    Renew,
    Report,
    Resume,
    Said,
    Send,
    Signal,
    Taken,
    step,
    view,
)

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CLINICIAN, PATIENT, STRANGER = UUID(int=1), UUID(int=2), UUID(int=3)
ROLES = {CLINICIAN: Role.CLINICIAN, PATIENT: Role.PATIENT, STRANGER: Role.PATIENT}
SIGNALS = {"description", "candidate", "chat"}


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def arrived(
    holder: UUID, socket: str, *, at: float = 0, admitted: bool = True, resume: Resume | None = None
) -> Arrived:
    return Arrived(after(at), socket, f"session-{socket}", ROLES[holder], holder, admitted, resume)


def run(*events: Event, room: Room | None = None) -> tuple[Room, list[Effect]]:
    room, seen = room or Room(), list[Effect]()
    for event in events:
        room, effects = step(room, event)
        seen += effects
    return room, seen


def both_here() -> Room:
    return run(arrived(CLINICIAN, "c"), arrived(PATIENT, "p"))[0]


def said(socket: str, command: Command, *, at: float = 1) -> Said:
    return Said(after(at), socket, command)


def connect(room: Room) -> Room:
    reports = (said(socket, Report(1, room.generation, MediaState.CONNECTED)) for socket in "cp")
    return run(*reports, room=room)[0]


def sends(effects: list[Effect] | tuple[Effect, ...]) -> list[Send]:
    return [effect for effect in effects if isinstance(effect, Send)]


def answers(effects: list[Effect] | tuple[Effect, ...]) -> list[dict[str, object]]:
    return [dict(effect.message) for effect in effects if isinstance(effect, Answer)]


def test_the_second_to_arrive_finds_the_first_and_the_first_is_told() -> None:
    room, effects = run(arrived(CLINICIAN, "c"), arrived(PATIENT, "p"))
    host, guest = answers(effects)
    assert (host["polite"], guest["polite"]) == (False, True)
    assert host["peers"] == []
    assert guest["peers"] == [{"role": "clinician", "presence": "present"}]
    (state,) = sends(effects)
    assert state.to == "session-c"
    assert state.message["peers"] == [{"role": "patient", "presence": "present"}]
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
    assert sends(effects)[0].message["peers"] == [{"role": "patient", "presence": "away"}]
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
    assert step(room, arrived(STRANGER, "x", at=1)) == (room, (Taken(),))


def test_another_persons_session_cannot_be_resumed() -> None:
    room, _ = run(Dropped(after(1), "p"), room=both_here())
    _, effects = step(room, arrived(STRANGER, "x", at=2, resume=Resume("session-p", 0)))
    assert answers(effects)[0]["resumed"] is False


def test_a_socket_whose_process_died_is_away_and_has_to_come_back() -> None:
    room, effects = run(Beat(after(16), "c", admitted=True), room=both_here())
    assert sends(effects)[0].message["peers"] == [{"role": "patient", "presence": "away"}]
    assert step(room, Beat(after(17), "p", admitted=True))[1] == (NoSeat(),)


def test_renewing_gives_both_a_new_generation_once() -> None:
    room, effects = run(said("c", Renew(1, 2)), said("p", Renew(1, 2)), room=both_here())
    assert room.generation == 3
    assert answers(effects)[-1]["code"] == "stale-generation"


def test_the_visit_is_connected_when_both_say_so_and_lost_when_both_do() -> None:
    room, _ = run(said("c", Report(1, 2, MediaState.CONNECTED)), room=both_here())
    assert room.together is Together.NOT_YET
    room = connect(both_here())
    assert room.together is Together.CONNECTED
    room, _ = run(said("c", Report(2, 2, MediaState.DISCONNECTED)), room=room)
    assert room.together is Together.CONNECTED
    room, _ = run(said("p", Report(2, 2, MediaState.FAILED)), room=room)
    assert room.together is Together.LOST
    room, _ = run(*(said(who, Report(3, 2, MediaState.CONNECTED)) for who in "cp"), room=room)
    assert room.together is Together.CONNECTED


def test_hanging_up_a_broken_socket_and_a_reload_lose_nothing() -> None:
    room = connect(both_here())
    for event in (said("p", Bye(2)), Dropped(after(2), "p"), arrived(PATIENT, "p2", at=2)):
        assert step(room, event)[0].together is Together.CONNECTED


def test_a_window_that_was_closed_counts_as_lost_after_a_minute() -> None:
    room, _ = run(Dropped(after(1), "p"), said("c", Report(2, 2, MediaState.FAILED), at=9), room=connect(both_here()))
    assert room.together is Together.CONNECTED
    assert run(Beat(after(62), "c", admitted=True), room=room)[0].together is Together.LOST


def test_a_call_that_everybody_left_is_lost() -> None:
    room, _ = run(said("c", Bye(2)), room=connect(both_here()))
    assert room.together is Together.CONNECTED  # the patient has not said so yet
    assert run(said("p", Bye(2), at=2), room=room)[0].together is Together.LOST
    assert run(said("p", Report(2, 2, MediaState.FAILED), at=9), room=room)[0].together is Together.LOST
    assert run(Dropped(after(2), "p"), arrived(PATIENT, "p2", at=3), room=room)[0].together is Together.LOST


def test_whoever_hung_up_may_come_back() -> None:
    room, _ = run(said("c", Bye(2)), said("p", Report(2, 2, MediaState.FAILED)), room=connect(both_here()))
    room, _ = run(arrived(CLINICIAN, "c2", at=20), room=room)
    assert room.together is Together.LOST
    reports = [said("c2", Report(1, 3, MediaState.CONNECTED)), said("p", Report(3, 3, MediaState.CONNECTED))]
    assert run(*reports, room=room)[0].together is Together.CONNECTED


def test_a_call_whose_browsers_crashed_falls_silent_after_a_minute() -> None:
    room, _ = run(Dropped(after(5), "c"), Dropped(after(8), "p"), room=connect(both_here()))
    assert not silent(room, after(65))
    assert not silent(room, after(68))  # one is still believed
    assert silent(room, after(69))
    assert silent(Room(), START)
    assert not silent(both_here(), START)  # they are about to connect


# What holds whatever anyone does, in any order.

# A script says ids and generations as distances from what would be right, so that most of it is obeyed.

IDS = st.sampled_from([1, 1, 1, 0, 3])
GENERATIONS = st.sampled_from([0, 0, 0, -1, 1])
COMMANDS = st.one_of(
    st.builds(Signal, IDS, st.sampled_from(["description", "candidate"]), GENERATIONS, st.just({"sdp": "v=0"})),
    st.builds(Chat, IDS, st.just("text")),
    st.builds(Report, IDS, GENERATIONS, st.sampled_from(MediaState)),
    st.builds(Report, IDS, GENERATIONS, st.sampled_from([MediaState.CONNECTED, MediaState.FAILED])),
    st.builds(Renew, IDS, GENERATIONS),
    st.builds(Bye, IDS),
)
HOLDERS = st.sampled_from([CLINICIAN, PATIENT, STRANGER])
MOVES = st.one_of(COMMANDS, COMMANDS, COMMANDS, HOLDERS, st.sampled_from(["beat", "hold", "hold", "drop", "back"]))
TURNS = st.tuples(MOVES, st.sampled_from([0, 1, 10, 40]), st.integers(0, 3), st.sampled_from([True, True, True, False]))
SCRIPTS = st.lists(TURNS, min_size=8, max_size=40)
Move = UUID | Command | str
Step = tuple[Room, Event, Room, tuple[Effect, ...]]


def to_event(room: Room, number: int, turn: tuple[Move, int, int, bool], at: datetime) -> Event:
    move, _, pick, admitted = turn
    seat = room.seats[pick % len(room.seats)] if room.seats else None
    socket, said_before = ("nobody", 0) if seat is None else (seat.connection or "nobody", seat.ack)
    match move:
        case "back" if seat is not None:
            resume = Resume(seat.session, max(0, room.seq - pick))
            return Arrived(at, f"{number}", f"s{number}", seat.role, seat.holder, seat.admitted, resume)
        case UUID():
            return Arrived(at, f"{number}", f"s{number}", ROLES[move], move, admitted or move == CLINICIAN)
        case "beat" | "hold":
            patient = seat is not None and seat.role is Role.PATIENT
            return Beat(at, socket, admitted=not (patient and move == "hold"))
        case str():
            return Dropped(at, socket)
        case Signal() | Report() | Renew():
            return Said(
                at, socket, replace(move, id=said_before + move.id, generation=room.generation + move.generation)
            )
        case Chat() | Bye():
            return Said(at, socket, replace(move, id=said_before + move.id))


def to_steps(script: list[tuple[Move, int, int, bool]]) -> list[Step]:
    """The script played, after both have come: every room before, event, room after, effects."""
    steps: list[Step] = []
    room, at = Room(), START
    opening: list[tuple[Move, int, int, bool]] = [(CLINICIAN, 0, 0, True), (PATIENT, 0, 0, True)]
    for number, turn in enumerate(opening + script):
        at += timedelta(seconds=turn[1])
        event = to_event(room, number, turn, at)
        changed, effects = step(room, event)
        steps.append((room, event, changed, effects))
        room = changed
    return steps


HISTORIES = SCRIPTS.map(to_steps)


@given(HISTORIES)
def test_nothing_reaches_or_leaves_someone_who_is_not_admitted(history: list[Step]) -> None:
    for before, event, room, effects in history:
        seats = {seat.session: seat for seat in room.seats}
        for send in sends(effects):
            if send.message["type"] in SIGNALS:
                assert isinstance(event, Said)
                speaker = before.of_connection(event.connection)
                assert speaker is not None
                assert speaker.admitted
                assert seats[send.to].admitted
                assert {speaker.role, seats[send.to].role} == {Role.CLINICIAN, Role.PATIENT}
        for seat in room.seats:
            assert seat.admitted or view(room, seat) == {
                "you": {"role": seat.role.value, "admitted": False},
                "generation": 0,
                "peers": [],
            }


@given(HISTORIES)
def test_the_visit_has_one_clinician_and_one_patient_and_no_stranger_ousts_them(history: list[Step]) -> None:
    for before, event, room, effects in history:
        assert len({seat.role for seat in room.seats}) == len(room.seats)
        if isinstance(event, Arrived):
            old = before.of_role(event.role)
            if old is not None and old.connection is not None and old.holder != event.holder:
                assert (room, effects) == (before, (Taken(),))


@given(HISTORIES)
def test_numbers_go_up_by_one_and_generations_never_down(history: list[Step]) -> None:
    for before, _, room, effects in history:
        assert [send.seq for send in sends(effects)] == list(range(before.seq + 1, room.seq + 1))
        assert all(send.message["seq"] == send.seq for send in sends(effects))
        assert room.generation >= before.generation


@given(HISTORIES)
def test_only_the_present_generation_is_carried(history: list[Step]) -> None:
    for before, _, _, effects in history:
        carried = [send.message for send in sends(effects) if send.message["type"] in {"description", "candidate"}]
        assert all(message["generation"] == before.generation for message in carried)


@given(HISTORIES)
def test_repeating_a_command_changes_nothing(history: list[Step]) -> None:
    for _, event, room, _ in history:
        if isinstance(event, Said) and not isinstance(event.command, Bye):
            again, effects = step(room, event)
            assert again == room
            assert sends(effects) == []


@given(HISTORIES)
def test_whoever_sees_something_else_is_told_what(history: list[Step]) -> None:
    for before, _, room, effects in history:
        told = {send.to: send.message for send in sends(effects) if send.message["type"] == "state"}
        for seat in room.seats:
            same = next((each for each in before.seats if each.session == seat.session), None)
            if same is not None and view(before, same) != view(room, seat):
                assert view(room, seat).items() <= told[seat.session].items()


@given(HISTORIES)
def test_media_are_together_only_by_both_reports(history: list[Step]) -> None:
    for before, _, room, _ in history:
        if room.together is Together.CONNECTED and before.together is not Together.CONNECTED:
            assert {seat.media for seat in room.seats} == {MediaState.CONNECTED}
            assert len(room.seats) == 2

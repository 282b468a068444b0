"""What holds in a room whatever anyone does, in any order: random lives of a call with up to seven people."""

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from telehealth.core.actors import Role
from telehealth.core.ids import ParticipantId
from telehealth.video.language import (
    Admit,
    Answer,
    Arrived,
    Beat,
    Bye,
    Chat,
    Command,
    Cut,
    Deny,
    Dropped,
    Effect,
    Event,
    Hold,
    HostCommand,
    Keep,
    LetIn,
    Mute,
    Negotiate,
    Offer,
    Placed,
    Promote,
    PutOut,
    Release,
    Renew,
    Report,
    Resume,
    Said,
    Send,
    Signal,
    Stats,
    Taken,
    Unplaced,
    Want,
    Wire,
)
from telehealth.video.room import MOST_SEATS, RESUMABLE, MediaState, Mode, Room, Seat, Together, Who
from telehealth.video.rules import step
from telehealth.video.views import view
from tests.kit.examples import examples
from tests.kit.rooms import EVERYONE, START, sends

BETWEEN_BROWSERS = frozenset({"description", "candidate", "limits"})
HEARD = BETWEEN_BROWSERS | {"chat", "moved"}
OFF = st.sampled_from([0, 0, 0, 0, -1, 1])  # from what would be right
STATES = st.sampled_from([MediaState.CONNECTED, MediaState.CONNECTED, MediaState.FAILED, *MediaState])
SECONDS = st.sampled_from([0, 0, 1, 5, 5, 10, 31, 70])
PICK = st.integers(0, 11)
WHOEVER = st.sampled_from(EVERYONE)


class Lives(RuleBasedStateMachine):
    """The machine says something to the room; `happens` checks what holds at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.room, self.at, self.sockets = Room(), START, 0
        self.admitted: set[ParticipantId] = set()  # as the visit has it
        self.on_hold = set[ParticipantId]()
        self.seen: Counter[str] = Counter()
        self.lost_place, self.rebuilt_at = 0, START  # where media went on when the room was lost
        self.names: dict[ParticipantId, str] = {}  # the session that their browser had last
        self.back: set[ParticipantId] | None = None  # who has sat there since the room was lost, if it was
        self.acks: dict[str, int] = {}

    # What happens

    @initialize(others=st.lists(WHOEVER, max_size=4))
    def begin(self, others: list[Who]) -> None:
        for who in (*EVERYONE[:2], *others):
            self._come(who, None, admitted=True)

    @precondition(lambda self: self.room.asked_at is not None)
    @rule()
    def answer_promotion(self) -> None:
        self.happens(Placed(self.at, self.room.epoch + 1))

    @rule(who=WHOEVER, admitted=st.sampled_from([True, True, False]), least=st.sampled_from([*Mode, Mode.P2P]))
    def come(self, who: Who, admitted: bool, least: Mode) -> None:
        self._come(who, None, admitted=admitted or who.host, least=least)

    @precondition(lambda self: self.room.seats)
    @rule(pick=PICK, missed=st.integers(0, 600))
    def come_back(self, pick: int, missed: int) -> None:
        seat = self._seat(pick)
        self._come(seat.who, Resume(seat.session, max(0, self.room.seq - missed)), admitted=seat.admitted)

    @rule(who=WHOEVER, missed=st.integers(0, 600))
    def come_back_late(self, who: Who, missed: int) -> None:
        """By the name of a session that may be over, or from before the room was lost; each has names of their own."""
        resume = Resume(self.names.get(who.participant, f"never {who.participant}"), max(0, self.room.seq - missed))
        self._come(who, resume, admitted=True)

    @precondition(lambda self: self.room.mode is Mode.NODE)
    @rule(back=st.integers(0, 7))
    def lose_the_room(self, back: int) -> None:
        """Some come back at once."""
        seats, self.lost_place = self.room.seats, self.room.epoch
        self.back = set()
        self.on_hold.clear()
        self.acks.clear()
        self.room = Room()
        for seat in seats[:back]:
            self._come(seat.who, Resume(seat.session, 1), admitted=seat.admitted)

    @precondition(lambda self: self.room.seats)
    @rule(pick=PICK, admitted=st.sampled_from([True, True, True, False]))
    def beat(self, pick: int, admitted: bool) -> None:
        seat = self._seat(pick)
        self._visit_says(seat.id, admitted=admitted or seat.who.host)
        self.happens(Beat(self.at, self._socket(seat), admitted=seat.id in self.admitted))

    @precondition(lambda self: self.room.seats)
    @rule(pick=PICK)
    def drop(self, pick: int) -> None:
        self.happens(Dropped(self.at, self._socket(self._seat(pick))))

    @rule(seconds=SECONDS)
    def wait(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)
        for seat in self.room.seats:
            if seat.connection is not None:
                self.happens(Beat(self.at, seat.connection, admitted=seat.id in self.admitted))

    @rule(off=st.sampled_from([1, 1, 1, 0, -1, 3]), why=st.sampled_from(["asked", "lost", "drained"]))
    def place(self, off: int, why: Any) -> None:
        self.happens(Placed(self.at, max(0, self.room.epoch + off), why))

    @rule(off=OFF)
    def lose_the_place(self, off: int) -> None:
        self.happens(Unplaced(self.at, max(0, self.room.epoch + off)))

    # What is said

    @precondition(lambda self: self.room.seats)
    @rule(pick=PICK, off=OFF, state=STATES, which=st.integers(0, 12))
    def speak(self, pick: int, off: int, state: MediaState, which: int) -> None:
        seat = self._seat(pick)
        number, generation, epoch = seat.ack + 1, self.room.generation + off, self.room.epoch + off
        said: tuple[Command, ...] = (
            Signal(number, "description", generation, {"type": "offer", "sdp": "v=0"}),
            Signal(number, "candidate", generation, None),
            Report(number, state, generation),
            Report(number, state, None, epoch),
            Offer(number, epoch, "send", 1, "v=0"),
            Offer(number, epoch, "recv", 1, "v=0"),
            Chat(number, "word"),
            Stats(number, 40, 0.2, 900, 0, relayed=False),
            Mute(number, ("video",)),
            Mute(number, ()),
            Renew(number, generation),
            Want(number, "state"),
            Chat(seat.ack, "said before"),
        )
        self.happens(Said(self.at, self._socket(seat), said[which]))

    @rule()
    def connect(self) -> None:
        """Everybody's media run, and their browsers say so."""
        for each in self.room.inside:
            seat, p2p = _of(self.room, each.session), self.room.mode is Mode.P2P
            generation, epoch = (self.room.generation, None) if p2p else (None, self.room.epoch)
            report = Report(seat.ack + 1, MediaState.CONNECTED, generation, epoch)
            self.happens(Said(self.at, self._socket(seat), report))
            if not p2p:
                self.happens(Said(self.at, self._socket(seat), Offer(seat.ack + 2, self.room.epoch, "recv", 1, "v=0")))

    @precondition(lambda self: self.room.seats)
    @rule(pick=PICK)
    def hang_up(self, pick: int) -> None:
        seat = self._seat(pick)
        self.happens(Said(self.at, self._socket(seat), Bye(seat.ack + 1)))

    @precondition(lambda self: self.room.seats)
    @rule(pick=st.sampled_from([None, None, None, *range(7)]), other=WHOEVER, what=st.sampled_from([Admit, Hold, Deny]))
    def decide(self, pick: int | None, other: Who, what: type[HostCommand]) -> None:
        """The host mostly, and others who may not."""
        seat = self._seat(pick) if pick is not None else (self.room.host or self._seat(0))
        self.happens(Said(self.at, self._socket(seat), what(seat.ack + 1, other.participant)))

    # What holds

    def happens(self, event: Event) -> None:
        before = self.room
        self.room, effects = step(before, event)
        self.seen.update(type(effect).__name__ for effect in effects)
        self._numbers(before, effects)
        self._nothing_passes_the_waiting_room(before, event, effects)
        self._only_the_host_admits(before, event, effects)
        self._only_who_is_inside_gets_to_the_node(before, event, effects)
        self._old_connections_are_gone(before, effects)
        self._whoever_sees_something_else_is_told(before, effects)
        self._nobody_ousts_the_host(before, event, effects)
        self._both_sides_say_so(before)
        self._no_number_is_used_twice()
        if isinstance(event, Said) and not isinstance(event.command, Bye | Want):
            again, echo = step(self.room, event)
            assert again == self.room
            assert not sends(echo)
            assert not any(isinstance(each, Negotiate | LetIn | PutOut) for each in echo)

    def _numbers(self, before: Room, effects: tuple[Effect, ...]) -> None:
        assert [send.seq for send in sends(effects)] == list(range(before.seq + 1, self.room.seq + 1))
        assert all(send.message["seq"] == send.seq for send in sends(effects))
        assert self.room.generation >= before.generation
        assert self.room.epoch >= before.epoch

    def _nothing_passes_the_waiting_room(self, before: Room, event: Event, effects: tuple[Effect, ...]) -> None:
        for send in sends(effects):
            if send.message["type"] not in HEARD:
                continue
            assert _of(self.room, send.to).inside
            if send.message["type"] != "moved":
                speaker = _speaker(before, event)
                assert speaker.inside
                assert _of(before, send.to).inside
                assert send.to != speaker.session
                browsers = send.message["type"] in BETWEEN_BROWSERS
                assert not browsers or {speaker.id, _of(before, send.to).id} == set(before.partners)
        for kept in (each for each in effects if isinstance(each, Keep)):
            assert _speaker(before, event).who == kept.speaker
            assert {kept.speaker.participant, *kept.heard_by} <= {seat.id for seat in before.inside}
        for seat in self.room.seats:
            if not seat.inside:
                shown = view(self.room, seat)
                assert (shown["peers"], shown["partner"], shown["mode"]) == ([], None, "p2p")
                assert (shown["epoch"], shown["generation"], shown["you"]["admitted"]) == (0, 0, False)
                assert all(seat.id not in _shown(self.room, each) for each in self.room.seats if not each.who.host)

    def _only_the_host_admits(self, before: Room, event: Event, effects: tuple[Effect, ...]) -> None:
        entered = {seat.id for seat in self.room.inside} - {seat.id for seat in before.inside}
        for participant in entered:
            was = before.of(participant)
            if was is not None and was.held:
                assert _speaker(before, event).who.host
            assert participant in self.admitted
        if isinstance(event, Said) and isinstance(event.command, Admit):
            speaker = before.of_connection(event.connection)
            if speaker is not None and speaker.who.host:
                self.on_hold.discard(event.command.participant)
        self.on_hold |= {seat.id for seat in self.room.seats if seat.held}
        assert self.on_hold.isdisjoint(seat.id for seat in self.room.inside)
        if any(isinstance(each, LetIn | PutOut) for each in effects):
            assert _speaker(before, event).who.host
        held = {seat.id for seat in before.seats if seat.held} | {*before.on_hold}
        if {seat.id for seat in self.room.seats if seat.held} - held:
            assert _speaker(before, event).who.host

    def _only_who_is_inside_gets_to_the_node(self, before: Room, event: Event, effects: tuple[Effect, ...]) -> None:
        for each in effects:
            if isinstance(each, Negotiate):
                assert before.mode is Mode.NODE
                assert each.offer.epoch == before.epoch
                assert _speaker(before, event).inside
                assert each.participant == _speaker(before, event).id
                assert _speaker(before, event).who.sends or each.offer.direction == "recv"
        if before.mode is Mode.NODE:
            gone = {seat.id for seat in before.inside if seat.ways} - {seat.id for seat in self.room.inside}
            assert gone <= {each.participant for each in effects if isinstance(each, Cut)}

    def _old_connections_are_gone(self, before: Room, effects: tuple[Effect, ...]) -> None:
        carried = [send.message for send in sends(effects) if send.message["type"] in {"description", "candidate"}]
        assert all(message["generation"] == before.generation for message in carried)
        if before.mode is Mode.NODE:
            assert not carried
            if self.room.mode is Mode.P2P:
                assert self.room.generation > before.generation

    def _whoever_sees_something_else_is_told(self, before: Room, effects: tuple[Effect, ...]) -> None:
        told: dict[str, Wire] = {send.to: send.message for send in sends(effects) if send.message["type"] == "state"}
        for seat in self.room.seats:
            same = next((each for each in before.seats if each.session == seat.session), None)
            if same is not None and view(before, same) != view(self.room, seat):
                assert view(self.room, seat).items() <= told[seat.session].items()

    def _nobody_ousts_the_host(self, before: Room, event: Event, effects: tuple[Effect, ...]) -> None:
        if isinstance(event, Arrived) and event.who.host and before.host is not None:
            other = before.host.id != event.who.participant and before.host.connection is not None
            assert (Taken() in effects) is other
            assert not other or self.room == before

    def _both_sides_say_so(self, before: Room) -> None:
        if self.room.together is Together.CONNECTED and before.together is not Together.CONNECTED:
            sides = {seat.who.role for seat in self.room.inside if seat.media is MediaState.CONNECTED}
            assert {Role.CLINICIAN, Role.PATIENT} <= sides
            self.seen[f"together over {self.room.mode.value}"] += 1

    def _no_number_is_used_twice(self) -> None:
        """Of a session, as long as the room stands."""
        for seat in self.room.seats:
            assert seat.ack >= self.acks.get(seat.session, 0)
            self.acks[seat.session] = seat.ack

    def _only_a_lost_room_honours_a_name(self, before: Room, event: Arrived) -> None:
        seat, resume = self.room.of(event.who.participant), event.resume
        if seat is None or seat.connection != event.connection:
            return  # no seat was to be had
        old = before.of(seat.id)
        if resume is not None and old is None:
            honoured = seat.session == resume.session
            assert not honoured or (self.back is not None and seat.id not in self.back)
            assert not honoured or (self.room.mode is Mode.NODE and self.at - self.rebuilt_at <= RESUMABLE)
            self.seen["a name that goes on" if honoured else "a name that is over"] += 1
        if self.back is not None:
            self.back.add(seat.id)
        self.names[seat.id] = seat.session

    @invariant()
    def everyone_has_one_seat(self) -> None:
        room = self.room
        assert len({seat.id for seat in room.seats}) == len(room.seats) <= MOST_SEATS
        assert len({seat.session for seat in room.seats}) == len(room.seats)
        assert sum(seat.who.host for seat in room.seats) <= 1
        assert room.mode is Mode.P2P or room.partners == ()

    # What the machine knows

    def _come(self, who: Who, resume: Resume | None, *, admitted: bool, least: Mode = Mode.P2P) -> None:
        self.sockets += 1
        self._visit_says(who.participant, admitted=admitted)
        name = f"{self.sockets}"
        here = who.participant in self.admitted
        before, arrived = self.room, Arrived(self.at, name, f"s{name}", who, here, resume, least, epoch=self.lost_place)
        if before == Room():
            self.rebuilt_at = self.at
        self.happens(arrived)
        self._only_a_lost_room_honours_a_name(before, arrived)

    def _visit_says(self, participant: ParticipantId, *, admitted: bool) -> None:
        (self.admitted.add if admitted else self.admitted.discard)(participant)

    def _seat(self, pick: int) -> Seat:
        return self.room.seats[pick % len(self.room.seats)]

    def _socket(self, seat: Seat) -> str:
        return seat.connection or "nobody"


def _of(room: Room, session: str) -> Seat:
    return next(seat for seat in room.seats if seat.session == session)


def _speaker(room: Room, event: Event) -> Seat:
    assert isinstance(event, Said)
    seat = room.of_connection(event.connection)
    assert seat is not None
    return seat


def _shown(room: Room, seat: Seat) -> set[ParticipantId]:
    return {each.id for each in room.peers(seat)}


LONG = settings(stateful_step_count=60)


def test_random_lives_keep_every_promise() -> None:
    run_state_machine_as_test(Lives, settings=settings(LONG, max_examples=examples(50)))


def test_random_lives_are_worth_it() -> None:
    """Everything that can be asked of the shell is asked in them: the promises are not kept by silence."""
    seen: Counter[str] = Counter()

    class Counted(Lives):
        def teardown(self) -> None:
            seen.update(self.seen)

    run_state_machine_as_test(Counted, settings=settings(LONG, derandomize=True, database=None))
    asked: tuple[type[Any], ...] = (Send, Answer, Keep, LetIn, PutOut, Negotiate, Promote, Release, Cut, Taken)
    assert [each.__name__ for each in asked if not seen[each.__name__]] == []
    assert seen["together over p2p"]
    assert seen["together over node"]
    assert seen["a name that goes on"]
    assert seen["a name that is over"]

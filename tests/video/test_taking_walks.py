"""Whatever happens in a call, in any order: nobody is recorded or heard by an engine whom not everybody lets."""

from collections import defaultdict
from uuid import UUID

from hypothesis import event as seen
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.ids import ParticipantId
from telehealth.video.language import (
    Admit,
    Ask,
    Beat,
    Bye,
    Command,
    Consent,
    Dropped,
    Effect,
    Event,
    Finish,
    Hold,
    Pause,
    Placed,
    Promote,
    Said,
    Taking,
    TapAsked,
    TapOver,
    TapRequest,
    Unplaced,
)
from telehealth.video.room import Room, Tap
from telehealth.video.rules import step
from telehealth.video.views import view
from tests.kit.rooms import CLINICIAN, DEVICE, INTERPRETER, OBSERVER, PATIENT, TRAINEE, after, answers, arrived, said

PEOPLE = {"c": CLINICIAN, "p": PATIENT, "i": INTERPRETER, "t": TRAINEE, "d": DEVICE, "o": OBSERVER}
SOCKETS = st.sampled_from(sorted(PEOPLE))
TAPS = st.sampled_from(list(Tap))
DEEDS = st.one_of(
    st.tuples(st.just("comes"), SOCKETS, st.booleans()),
    st.tuples(st.sampled_from(["leaves", "drops", "beats", "is held", "is admitted"]), SOCKETS),
    st.tuples(st.just("asks"), st.sampled_from(["c", "c", "c", "p"]), TAPS, st.sampled_from([True, True, False])),
    st.tuples(st.just("says"), SOCKETS, TAPS, st.sampled_from([True, True, True, False])),
    st.tuples(st.sampled_from(["ends by itself", "loses its node"]), TAPS),
)
BEGINNING = (("comes", "c", True), ("comes", "p", True))


class Call:
    """A room with what the shell does about its effects, and an account of its own of who has agreed to what."""

    def __init__(self) -> None:
        self.room = Room()
        self.agreed: dict[Taking, set[ParticipantId]] = defaultdict(set)
        self.ended: set[Taking] = set()
        self.numbers: dict[str, int] = defaultdict(int)
        self.second = 0

    def do(self, deed: tuple[object, ...]) -> None:
        match deed:
            case ("comes", str(socket), bool(admitted)):
                self.numbers[socket] = 0
                self.put(arrived(PEOPLE[socket], socket, at=self.second, admitted=admitted))
            case ("leaves", str(socket)):
                self.say(socket, Bye(self.number(socket)))
            case (("drops" | "beats") as what, str(socket)):
                now = after(self.second)
                self.put(Dropped(now, socket) if what == "drops" else Beat(now, socket, admitted=True))
            case (("is held" | "is admitted") as what, str(socket)):
                order = Hold if what == "is held" else Admit
                self.say("c", order(self.number("c"), PEOPLE[socket].participant))
            case ("asks", str(socket), Tap() as tap, bool(on)):
                self.say(socket, TapRequest(self.number(socket), tap, on))
            case ("says", str(socket), Tap() as tap, bool(given)):
                self.say(socket, Consent(self.number(socket), self.taking(tap), given))
            case ("ends by itself", Tap() as tap):
                self.put(TapOver(after(self.second), self.taking(tap)))
            case _:
                self.put(Unplaced(after(self.second), self.room.epoch))

    def taking(self, tap: Tap) -> Taking:
        taken = self.room.taken(tap)
        return Taking(tap, UUID(int=99) if taken is None else taken.id)

    def number(self, socket: str) -> int:
        self.numbers[socket] += 1
        return self.numbers[socket]

    def say(self, socket: str, command: Command) -> None:
        self.put(said(socket, command, at=self.second))

    def put(self, event: Event) -> None:
        """The event, and what follows from its effects at once, as a web process does it."""
        before, self.second = self.room, self.second + 1
        self.room, effects = step(before, event)
        self.note(event, effects)
        self.holds(before, effects)
        for effect in effects:
            match effect:
                case Ask(taking, participant):
                    self.agreed[taking].add(participant)
                    self.put(TapAsked(after(self.second), taking, participant))
                case Promote(epoch):
                    self.put(Placed(after(self.second), epoch + 1))
                case Finish(taking):
                    self.ended.add(taking)

    def note(self, event: Event, effects: tuple[Effect, ...]) -> None:
        """Who has said yes, by what they said and that it was acknowledged."""
        match event:
            case Said(_, socket, Consent(_, taking, given=True)) if any(e["type"] == "ack" for e in answers(effects)):
                self.agreed[taking].add(PEOPLE[socket].participant)

    def holds(self, before: Room, effects: tuple[Effect, ...]) -> None:
        for tap in Tap:
            self._nobody_is_taken_unasked(tap)
            self._who_takes_is_told_to_stop(tap, before, effects)

    def _nobody_is_taken_unasked(self, tap: Tap) -> None:
        if not self.room.takes(tap):
            return
        taking = self.taking(tap)
        assert taking not in self.ended
        assert any(seat.who.host for seat in self.room.inside)
        assert {seat.id for seat in self.room.inside if seat.who is not DEVICE} <= self.agreed[taking]
        assert all(view(self.room, seat)[tap.value]["on"] for seat in self.room.inside)
        seen(f"{tap} of {len(self.room.inside)}")

    def _who_takes_is_told_to_stop(self, tap: Tap, before: Room, effects: tuple[Effect, ...]) -> None:
        was, now = before.taken(tap), self.room.taken(tap)
        same = was is not None and now is not None and was.id == now.id
        if was is None or not before.takes(tap) or (same and self.room.takes(tap)):
            return
        told = [each for each in effects if isinstance(each, Pause | Finish) and each.taking == Taking(tap, was.id)]
        assert [each.epoch for each in told] == [before.epoch]


@given(st.lists(DEEDS, max_size=40))
def test_nothing_is_taken_without_everybodys_consent_in_any_order(deeds: list[tuple[object, ...]]) -> None:
    call = Call()
    for deed in (*BEGINNING, *deeds):
        call.do(deed)


@given(TAPS)
def test_a_consent_to_one_is_none_to_the_other(tap: Tap) -> None:
    call, other = Call(), next(each for each in Tap if each is not tap)
    for deed in (*BEGINNING, ("asks", "c", tap, True), ("asks", "c", other, True), ("says", "p", tap, True)):
        call.do(deed)
    assert call.room.takes(tap)
    assert not call.room.takes(other)
    call.do(("says", "p", other, True))
    call.do(("says", "p", tap, False))
    assert (call.room.takes(tap), call.room.takes(other)) == (False, True)

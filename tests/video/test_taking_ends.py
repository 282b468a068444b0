"""What the host is told of why a recording, or captions, ended; nobody else is told."""

import pytest

from telehealth.core.ids import ParticipantId
from telehealth.video.language import Ask, Bye, Command, Consent, Event, Placed, Taking, TapAsked, TapOver, TapRequest
from telehealth.video.room import Room, Tap
from telehealth.video.valkey_rooms import ROOM
from telehealth.video.views import view
from tests.kit.rooms import CLINICIAN, HEIR, INTERPRETER, PATIENT, after, answers, arrived, both_here, run, said, sends


@pytest.fixture(params=list(Tap))
def tap(request: pytest.FixtureRequest) -> Tap:
    found: Tap = request.param
    return found


def asked(tap: Tap, room: Room, *, number: int = 1) -> tuple[Room, Taking]:
    room, effects = run(said("c", TapRequest(number, tap, on=True)), room=room)
    [ask] = [each for each in effects if isinstance(each, Ask)]
    return run(TapAsked(after(1), ask.taking, ask.participant), room=room)[0], ask.taking


def told(room: Room, tap: Tap, participant: ParticipantId) -> object:
    seat = room.of(participant)
    assert seat is not None
    return view(room, seat).get(f"{tap}_ended")


def ending(tap: Tap, taking: Taking, how: str) -> Event:
    commands: dict[str, tuple[str, Command]] = {
        "declined": ("i", Consent(3, taking, given=False)),
        "withdrawn": ("p", Consent(3, taking, given=False)),
        "stopped": ("c", TapRequest(3, tap, on=False)),
        "stopped by a no of the host": ("c", Consent(3, taking, given=False)),
    }
    return TapOver(after(4), taking) if how == "over" else said(*commands[how], at=4)


@pytest.mark.parametrize("how", ["declined", "withdrawn", "stopped", "stopped by a no of the host", "over"])
@pytest.mark.parametrize("here", [True, False])
def test_the_host_is_told_why_it_ended_and_nobody_else(tap: Tap, how: str, here: bool) -> None:
    """Also who was out for a moment when it did."""
    room, taking = asked(tap, run(arrived(INTERPRETER, "i"), room=both_here())[0])
    room, _ = run(said("p", Consent(1, taking, given=True)), Placed(after(2), 1), room=room)
    away = not here and not how.startswith("stopped")
    room, _ = run(said("c", Bye(2), at=3), room=room) if away else (room, [])
    room, effects = run(ending(tap, taking, how), room=room)
    if away:
        room, effects = run(arrived(CLINICIAN, "d", at=5), room=room)
        assert answers(effects)[-1][f"{tap}_ended"] == how
    else:
        news = [dict(each.message) for each in sends(effects) if each.to == "session-c"]
        assert [each.get(f"{tap}_ended") for each in news] == [how.partition(" ")[0]]
    assert told(room, tap, CLINICIAN.participant) == how.partition(" ")[0]
    assert [told(room, tap, who.participant) for who in (PATIENT, INTERPRETER)] == [None, None]
    assert [each for each in Tap if told(room, each, CLINICIAN.participant)] == [tap]
    assert ROOM.validate_json(ROOM.dump_json(room)) == room


def test_it_is_told_until_they_ask_again_also_to_who_takes_over(tap: Tap) -> None:
    room, taking = asked(tap, both_here())
    room, _ = run(said("p", Consent(1, taking, given=False)), said("c", Bye(2)), room=room)
    assert told(run(arrived(HEIR, "h", at=5), room=room)[0], tap, HEIR.participant) == "declined"
    room, effects = run(arrived(CLINICIAN, "c", at=5), room=room)
    assert answers(effects)[-1][f"{tap}_ended"] == "declined"
    room, _ = asked(tap, room, number=1)
    assert told(room, tap, CLINICIAN.participant) is None
    assert room.taken(tap) is not None


def test_what_one_ended_for_says_nothing_of_the_other() -> None:
    room, recording = asked(Tap.RECORDING, both_here())
    room, captions = asked(Tap.CAPTIONS, room, number=2)
    room, _ = run(said("p", Consent(1, recording, given=False)), TapOver(after(3), captions), room=room)
    assert [told(room, tap, CLINICIAN.participant) for tap in Tap] == ["declined", "over"]
    room, _ = asked(Tap.RECORDING, room, number=3)
    assert [told(room, tap, CLINICIAN.participant) for tap in Tap] == [None, "over"]

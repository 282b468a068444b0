"""How well a call went, kept with its visit: what is told in a conversation is what staff read afterwards."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.video import samples
from telehealth.video.language import Measured, Stats
from telehealth.video.models import CallMinuteRow
from telehealth.video.quality import Minute, minute_of
from telehealth.visits.participants import queries as participants
from tests.kit.call_process import running_web
from tests.kit.meetings import Meeting
from tests.kit.rooms import both_here, run, said
from tests.kit.signalling import behind, talking

FINE = Stats(1, 40, 0.0, 900, 0, relayed=False)
POOR = Stats(2, 300, 0.2, 90, 4000, relayed=True)


def test_whoever_is_inside_is_measured() -> None:
    assert Measured(FINE) in run(said("c", FINE), room=both_here())[1]
    waits = run(said("p", FINE), room=run(said("c", FINE))[0])
    assert not any(isinstance(each, Measured) for each in waits[1])


async def test_minutes_add_up_and_the_worst_is_kept(
    unit_of_work: UnitOfWork, meeting: Meeting, clock: FixedClock
) -> None:
    [patient] = [
        each
        for each in await unit_of_work.run(participants.participants_of, SYSTEM, meeting.visit_id)
        if each.acts_as_patient
    ]
    first = Minute(minute_of(clock.now())).having(FINE)
    later = Minute(minute_of(clock.now() + timedelta(minutes=1))).having(FINE)
    for minute in (first, Minute(first.at).having(POOR), later):  # the first one told by two conversations
        await unit_of_work.run(samples.keep, SYSTEM, meeting.visit_id, patient.id, minute)
    assert await unit_of_work.run(_rows) == 2
    [found] = await unit_of_work.run(samples.read, meeting.clinician, meeting.visit_id)
    assert (found.participant, found.minutes, found.rtt_ms, found.worst_rtt_ms) == (patient.id, 2, 105, 300)
    assert found.loss == pytest.approx(0.2 / 3)
    assert found.relayed == pytest.approx(1 / 3)
    assert (found.worst_loss, found.frozen_seconds) == (0.2, 4)
    with pytest.raises(NotFound):
        await unit_of_work.run(samples.read, replace(meeting.clinician, person_id=uuid4()), meeting.visit_id)


async def _rows(unit: Unit) -> int:
    return await unit.session.scalar(select(func.count()).select_from(CallMinuteRow)) or 0


async def test_what_a_browser_tells_is_kept_when_it_goes(
    database: str, valkey: str, meeting: Meeting, unit_of_work: UnitOfWork
) -> None:
    process = behind(database, valkey, meeting)
    told = {"rtt_ms": 48, "loss": 0.02, "kbps": 900, "frozen_ms": 0, "relayed": False, "jitter_ms": 9}
    with running_web(process):
        async with talking(process, meeting, host=True) as talker:
            for _ in range(3):
                number = await talker.say("stats", **told)
            assert (await talker.hear("ack"))["id"] <= number
        async with talking(process, meeting, host=True):
            [found] = await unit_of_work.run(samples.read, meeting.clinician, meeting.visit_id)
    assert (found.minutes, found.rtt_ms, found.worst_loss) == (1, 48, 0.02)

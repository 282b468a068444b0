"""Who waits in the queue has an alert, and nobody else, whatever became of the news."""

from uuid import UUID

import pytest
from sqlalchemy import delete, event, update
from sqlalchemy.ext.asyncio import AsyncEngine

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import PatientId
from telehealth.db.outbox import OutboxRow
from telehealth.db.unit import Unit
from telehealth.visits.escalation import queries, service
from telehealth.visits.escalation.models import AlertRow
from telehealth.visits.escalation.rules import AlertKind
from telehealth.visits.waiting_room import guests, waiting
from telehealth.visits.waiting_room import service as queue
from telehealth.visits.waiting_room.models import QueueEntryRow
from telehealth.visits.waiting_room.tasks import watch_all
from tests.kit.clinic import TUESDAY_NINE, register
from tests.visits.escalation.conftest import Ward

MINUTE = 60


async def queued(ward: Ward, name: str) -> UUID:
    patient = await ward.unit_of_work.run(register, SYSTEM, name)
    kind = ward.clinic.visit_type.id
    joined = await ward.unit_of_work.run(
        waiting.enqueue, ward.desk, patient_id=PatientId(patient.id), visit_type_id=kind
    )
    return joined.standing.entry.id


async def lose_the_news(unit: Unit) -> None:
    await unit.session.execute(delete(OutboxRow).where(OutboxRow.kind == "QueueMoved"))


async def test_news_that_is_lost_loses_no_alert(ward: Ward) -> None:
    await queued(ward, "Luis")
    await ward.unit_of_work.run(lose_the_news)
    came = ward.clock.now()
    await ward.wait(60)
    assert await ward.alerts() == []
    assert await watch_all(ward.work) == 1
    assert await watch_all(ward.work) == 0
    (alert,) = await ward.alerts()
    assert (alert.kind, alert.since, alert.step) == (AlertKind.QUEUED, came, 1)
    assert await ward.wait(14 * MINUTE) == ["ada@clinic.example", "grace@clinic.example"]


async def test_taking_somebody_ends_their_alert_in_the_same_moment(ward: Ward) -> None:
    entry = await queued(ward, "Luis")
    await ward.wait()
    await ward.unit_of_work.run(queue.take_next, ward.own)
    (alert,) = await ward.alerts()
    assert (alert.queue_entry_id, alert.closing) == (entry, "over")
    assert await ward.unit_of_work.run(queries.on_board, ward.desk) == []


async def test_leaving_ends_the_alert_in_the_same_moment(ward: Ward) -> None:
    entry = await queued(ward, "Luis")
    await ward.wait()
    await ward.unit_of_work.run(waiting.leave, ward.desk, entry)
    assert [each.closing for each in await ward.alerts()] == ["over"]


async def test_a_link_that_is_locked_is_told_of_in_the_same_moment_and_once(ward: Ward) -> None:
    luis = await ward.unit_of_work.run(register, SYSTEM, "Luis")
    joined = await ward.unit_of_work.run(
        waiting.enqueue, ward.desk, patient_id=PatientId(luis.id), visit_type_id=ward.clinic.visit_type.id
    )
    for _ in range(6):
        await ward.unit_of_work.run(guests.identify, SYSTEM, joined.link_secret, TUESDAY_NINE.date())
    (alert,) = await ward.alerts()
    assert alert.kind == AlertKind.LOCKED_LINK
    await ward.unit_of_work.run(service.acknowledge, ward.desk, alert.id)
    await ward.wait()
    assert [each.kind for each in await ward.alerts() if each.closed_at is None] == [AlertKind.QUEUED]


async def test_an_alert_of_who_is_gone_closes_by_itself(ward: Ward) -> None:
    entries = [await queued(ward, name) for name in ("Luis", "Maria", "Pedro")]
    await ward.wait()

    async def go_unheard(unit: Unit) -> None:
        """As a release without this would leave it behind."""
        gone = QueueEntryRow.id.in_(entries[:2])
        await unit.session.execute(update(QueueEntryRow).where(gone).values(left_at=unit.now))

    await ward.unit_of_work.run(go_unheard)
    assert await watch_all(ward.work) == 2
    assert await watch_all(ward.work) == 0
    assert {each.queue_entry_id for each in await ward.alerts() if each.closed_at is None} == {entries[2]}


@pytest.mark.parametrize("many", [3, 12])
async def test_however_many_wait_they_are_looked_after_in_as_many_statements(ward: Ward, many: int) -> None:
    for number in range(many):
        await queued(ward, f"Luis {number}")
    await ward.unit_of_work.run(lose_the_news)
    said = await statements(ward, many)
    assert said <= 12

    async def forget(unit: Unit) -> None:
        await unit.session.execute(update(QueueEntryRow).values(left_at=unit.now))

    await ward.unit_of_work.run(forget)
    assert await statements(ward, many) <= 12
    assert all(each.closed_at for each in await ward.alerts())


async def statements(ward: Ward, settled: int) -> int:
    """How many one sweep takes that settles so many."""
    engine: AsyncEngine = ward.unit_of_work.engine
    seen: list[str] = []

    def see(*said: object) -> None:
        seen.append(str(said[2]))

    event.listen(engine.sync_engine, "before_cursor_execute", see)
    try:
        assert await watch_all(ward.work) == settled
    finally:
        event.remove(engine.sync_engine, "before_cursor_execute", see)
    return len(seen)


async def test_who_is_looked_after_already_is_left_alone(ward: Ward) -> None:
    await queued(ward, "Luis")
    await ward.wait()

    async def mark(unit: Unit) -> None:
        await unit.session.execute(update(AlertRow).values(step=2))

    await ward.unit_of_work.run(mark)
    assert await watch_all(ward.work) == 0
    assert [each.step for each in await ward.alerts()] == [2]

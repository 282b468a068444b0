"""Nobody waits unheard: boards, the clinician, the pool, the coordinator, until somebody sees to it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from telehealth.access.links import Locked
from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.errors import NotFound
from telehealth.core.ids import PatientId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.people.licensing import Licence
from telehealth.people.models import ClinicianRow
from telehealth.scheduling.booking import service as booking
from telehealth.visits.escalation import plans, queries, service, tasks
from telehealth.visits.escalation.models import AlertRow
from telehealth.visits.escalation.rules import (
    AlertKind,
    AlertOver,
    AlreadyAcknowledged,
    Audience,
    Rung,
    Shown,
    UnfitLadder,
)
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle import tasks as lifecycle
from telehealth.visits.lifecycle.rules import VisitStatus
from telehealth.visits.participants import guests
from telehealth.visits.waiting_room import guests as queue_links
from telehealth.visits.waiting_room import service as queue
from telehealth.visits.waiting_room import waiting
from telehealth.visits.waiting_room.events import QueueMoved
from telehealth.visits.waiting_room.tasks import watch_queue
from tests.kit.clinic import BORN, TUESDAY_NINE, register
from tests.visits.escalation.conftest import DESK, Ward, open_ward, status

ADA, GRACE = "ada@clinic.example", "grace@clinic.example"
MINUTE = 60


async def shown_to(ward: Ward, actor: Actor) -> list[Shown]:
    return await ward.unit_of_work.run(queries.on_board, actor)


async def test_one_after_the_other_until_everyone_knows(ward: Ward) -> None:
    await ward.come()
    assert await ward.wait() == []
    assert await ward.steps() == [("board", None)]
    assert await ward.wait(2 * MINUTE - 1) == []
    assert await ward.wait(1) == [ADA]
    assert await ward.wait(2 * MINUTE) == [GRACE]
    assert await ward.wait(2 * MINUTE) == [DESK]
    assert await ward.wait(60 * MINUTE) == []
    (alert,) = await ward.alerts()
    assert (alert.since, alert.step, alert.next_at) == (TUESDAY_NINE, 4, None)
    assert await ward.steps() == [
        ("board", None),
        ("clinician", ward.clinic.clinician.id),
        ("pool", ward.colleague.id),
        ("coordinator", ward.desk.id),
    ]


async def test_nobody_is_late_for_a_patient_who_is_early(ward: Ward) -> None:
    await ward.come(early=timedelta(minutes=8))
    assert await ward.wait(9 * MINUTE) == []
    assert await ward.steps() == [("board", None)]
    assert await ward.wait(MINUTE) == [ADA]
    assert await ward.wait(2 * MINUTE) == [GRACE]


async def test_the_mail_says_nothing_about_the_patient(ward: Ward) -> None:
    await ward.come()
    await ward.wait(6 * MINUTE)
    mails = [mail for mail in ward.mailer.sent if mail.invite is None]
    assert len(mails) == 3
    for mail in mails:
        assert "https://visits.example/day" in mail.text
        assert not any(word in mail.subject + mail.text for word in ("Rosa", "Moreno", str(ward.visit_id)))


async def test_the_mail_is_in_the_language_of_who_reads_it(ward: Ward) -> None:
    async def speak(unit: Unit) -> None:
        await unit.session.execute(update(ClinicianRow).values(languages=["es"]))

    await ward.unit_of_work.run(speak)
    await ward.come()
    assert await ward.wait(2 * MINUTE) == [ADA]
    assert ward.mailer.sent[-1].subject == "Alguien le espera"


async def test_admitting_ends_it_and_the_board_forgets_at_once(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    assert [each.patient_name for each in await shown_to(ward, ward.desk)] == ["Rosa Moreno"]
    before = await ward.unit_of_work.run(queries.mark, ward.desk)
    await ward.give(visits.admit, ward.own)
    assert await shown_to(ward, ward.desk) == []
    assert await ward.unit_of_work.run(queries.mark, ward.desk) != before
    assert await ward.wait(10 * MINUTE - 1) == []
    (alert,) = await ward.alerts()
    assert alert.closing == "over"


async def test_who_is_let_in_and_finds_nobody_is_told_of_anew(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    await ward.give(visits.admit, ward.own)
    await ward.wait(30)
    await ward.give(visits.put_back, ward.own)
    assert await ward.wait() == []
    first, second = await ward.alerts()
    assert (first.closing, second.closed_at) == ("over", None)
    assert second.since == TUESDAY_NINE + timedelta(seconds=30)
    assert await ward.wait(2 * MINUTE) == [ADA]


@pytest.mark.parametrize("ending", [visits.leave, visits.cancel])
async def test_whatever_ends_the_visit_ends_the_alert(ward: Ward, ending: object) -> None:
    await ward.come()
    await ward.wait()
    options = {"reason": "other"} if ending is visits.cancel else {}
    await ward.give(ending, ward.desk, **options)  # type: ignore[arg-type]
    assert await ward.wait(10 * MINUTE) == []
    (alert,) = await ward.alerts()
    assert alert.closing == "over"


async def test_the_first_to_take_it_on_has_it_and_the_second_hears_who(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    (alert,) = await ward.alerts()
    taken = await ward.unit_of_work.run(service.acknowledge, ward.own, alert.id)
    assert await ward.unit_of_work.run(service.acknowledge, ward.own, alert.id) == taken
    with pytest.raises(AlreadyAcknowledged) as refused:
        await ward.unit_of_work.run(service.acknowledge, ward.desk, alert.id)
    assert refused.value.extras["by"] == "Dr. Ada Lindqvist"
    assert await ward.wait(10 * MINUTE - 1) == []
    assert [(each.by, each.own) for each in await shown_to(ward, ward.desk)] == [("Dr. Ada Lindqvist", False)]
    assert [(each.by, each.own) for each in await shown_to(ward, ward.own)] == [("Dr. Ada Lindqvist", True)]


async def test_of_two_at_once_one_takes_it_on(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    (alert,) = await ward.alerts()
    runs = [ward.unit_of_work.run(service.acknowledge, each, alert.id) for each in (ward.own, ward.desk)]
    answers = await asyncio.gather(*runs, return_exceptions=True)
    assert sorted(isinstance(each, AlreadyAcknowledged) for each in answers) == [False, True]


async def test_what_is_over_cannot_be_taken_on(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    (alert,) = await ward.alerts()
    await ward.give(visits.leave, ward.desk)
    await ward.wait()
    with pytest.raises(AlertOver):
        await ward.unit_of_work.run(service.acknowledge, ward.desk, alert.id)


async def test_a_colleague_sees_it_once_it_is_their_turn(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    (alert,) = await ward.alerts()
    assert await shown_to(ward, ward.other) == []
    with pytest.raises(NotFound):
        await ward.unit_of_work.run(service.acknowledge, ward.other, alert.id)
    await ward.wait(4 * MINUTE)
    assert [each.alert.id for each in await shown_to(ward, ward.other)] == [alert.id]
    await ward.unit_of_work.run(service.acknowledge, ward.other, alert.id)


async def test_of_many_sweeps_each_rung_is_told_by_one(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    for _ in range(3):
        ward.clock.advance(timedelta(minutes=2))
        assert sum(await asyncio.gather(*(tasks.escalate(ward.work) for _ in range(6)))) == 1
    assert [whom for whom, _ in await ward.steps()] == ["board", "clinician", "pool", "coordinator"]


async def test_a_worker_that_dies_in_the_middle_leaves_the_rung_to_the_next(ward: Ward) -> None:
    class Killed(BaseException):
        """Nothing catches it, like the end of a process."""

    async def tell_and_die(unit: Unit, alert_id: UUID) -> None:
        await service.escalate(unit, alert_id)
        raise Killed

    await ward.come()
    await ward.wait()
    (alert,) = await ward.alerts()
    ward.clock.advance(timedelta(minutes=2))
    with pytest.raises(Killed):
        await ward.unit_of_work.run(tell_and_die, SYSTEM, alert.id)
    assert await ward.steps() == [("board", None)]
    assert await ward.wait() == [ADA]
    assert [whom for whom, _ in await ward.steps()] == ["board", "clinician"]


async def test_what_fell_due_while_nothing_ran_is_told_at_once_and_once(ward: Ward) -> None:
    await ward.come()
    await ward.wait()
    assert await ward.wait(60 * MINUTE) == [ADA, DESK, GRACE]
    assert await ward.wait(60 * MINUTE) == []


async def test_who_waits_without_an_alert_gets_one(ward: Ward) -> None:
    async def forget(unit: Unit) -> None:
        await unit.session.execute(update(AlertRow).values(closed_at=unit.now, closing="over"))

    await ward.come()
    await ward.wait()
    await ward.unit_of_work.run(forget)
    assert await tasks.watch_all(ward.work) == 1
    assert await tasks.watch_all(ward.work) == 0
    (_, alert) = await ward.alerts()
    assert alert.since == TUESDAY_NINE


async def test_nobody_came_ends_it_after_everyone_was_told(unit_of_work: UnitOfWork, clock: FixedClock) -> None:
    ward = await open_ward(unit_of_work, clock, no_show_automatic=True, provider_no_show_after=20)
    await ward.come()
    await ward.wait(6 * MINUTE)
    ward.clock.advance(timedelta(minutes=14))
    assert await lifecycle.fire_timers(ward.work) == 1
    assert await status(ward) == VisitStatus.PROVIDER_NO_SHOW
    await ward.wait()
    (alert,) = await ward.alerts()
    assert (alert.closing, alert.step) == ("over", 4)
    assert await shown_to(ward, ward.desk) == []


async def test_the_pool_are_those_who_may_treat_there(ward: Ward) -> None:
    async def license_both(unit: Unit) -> None:
        await booking.add_visit_type(unit, replace(ward.clinic.visit_type, needs_licence=True))
        for each, place in ((ward.clinic.clinician.id, "US-IL"), (ward.colleague.id, "US-CA")):
            await people.replace_licences(unit, each, [Licence(each, place, None, None)])

    await ward.unit_of_work.run(license_both)
    await ward.give(visits.attest_location, ward.patient, jurisdiction="US-IL")
    await ward.come()
    assert await ward.wait(4 * MINUTE) == [ADA]
    assert await ward.steps() == [("board", None), ("clinician", ward.clinic.clinician.id), ("pool", None)]


# Rules of the clinic


async def test_a_clinic_goes_by_its_own_rules(ward: Ward) -> None:
    own = {AlertKind.WAITING: [Rung(0, Audience.BOARD), Rung(5, Audience.COORDINATOR, "boss@clinic.example")]}
    await ward.unit_of_work.run(plans.set_rules, SYSTEM, own)
    await ward.come()
    assert await ward.wait(5) == ["boss@clinic.example"]
    assert await ward.wait(60 * MINUTE) == []


async def test_new_rules_hold_for_what_stands_open(ward: Ward) -> None:
    await ward.come()
    await ward.wait(2 * MINUTE)
    shorter = {AlertKind.WAITING: [Rung(0, Audience.BOARD), Rung(150, Audience.CLINICIAN)]}
    await ward.unit_of_work.run(plans.set_rules, SYSTEM, shorter)
    assert await ward.wait(60 * MINUTE) == []
    await ward.unit_of_work.run(plans.set_rules, SYSTEM, {})
    assert (await ward.unit_of_work.run(queries.rules)).ladders[AlertKind.WAITING][-1].whom is Audience.COORDINATOR


async def test_a_ladder_that_cannot_be_climbed_is_refused(ward: Ward) -> None:
    with pytest.raises(UnfitLadder):
        await ward.unit_of_work.run(plans.set_rules, SYSTEM, {AlertKind.WAITING: [Rung(5, Audience.BOARD)]})


# The queue, locked links


async def test_who_waits_in_the_queue_is_seen_by_all_until_taken(ward: Ward) -> None:
    luis = await ward.unit_of_work.run(register, SYSTEM, "Luis")
    kind = ward.clinic.visit_type.id
    await ward.unit_of_work.run(waiting.enqueue, ward.desk, patient_id=PatientId(luis.id), visit_type_id=kind)
    await ward.wait()
    assert [each.patient_name for each in await shown_to(ward, ward.other)] == ["Luis Moreno"]
    assert await ward.wait(15 * MINUTE) == [ADA, GRACE]
    await ward.unit_of_work.run(waiting.take_next, ward.other)
    await ward.wait()
    assert await shown_to(ward, ward.other) == []


async def test_who_is_taken_while_the_news_is_on_its_way_leaves_no_alert(ward: Ward) -> None:
    luis = await ward.unit_of_work.run(register, SYSTEM, "Luis")
    kind = ward.clinic.visit_type.id
    queued = await ward.unit_of_work.run(waiting.enqueue, ward.desk, patient_id=PatientId(luis.id), visit_type_id=kind)
    came = QueueMoved(entry_id=queued.standing.entry.id)
    late: list[asyncio.Task[None]] = []

    async def take_meanwhile(unit: Unit) -> None:
        """A worker hears that they came while they are taken; the news of that is for another, and may be quicker."""
        await waiting.take_next(unit)
        late.append(asyncio.create_task(ward.unit_of_work.run(watch_queue, SYSTEM, came)))
        await asyncio.wait(late, timeout=0.5)

    await ward.unit_of_work.run(take_meanwhile, ward.other)
    await asyncio.gather(*late)
    assert [each.closed_at is None for each in await ward.alerts()] == []


async def test_a_locked_link_of_the_queue_reaches_the_front_desk_until_they_are_taken(ward: Ward) -> None:
    luis = await ward.unit_of_work.run(register, SYSTEM, "Luis")
    kind = ward.clinic.visit_type.id
    queued = await ward.unit_of_work.run(waiting.enqueue, ward.desk, patient_id=PatientId(luis.id), visit_type_id=kind)
    for _ in range(6):
        await ward.unit_of_work.run(queue_links.identify, SYSTEM, queued.link_secret, TUESDAY_NINE.date())
    await ward.wait()
    assert {each.alert.kind for each in await shown_to(ward, ward.desk)} == {AlertKind.QUEUED, AlertKind.LOCKED_LINK}
    visit = await ward.unit_of_work.run(queue.take_next, ward.own)
    await ward.wait()
    assert await shown_to(ward, ward.desk) == []
    answer = await ward.unit_of_work.run(guests.identify_guest, SYSTEM, queued.link_secret, BORN)
    assert isinstance(answer, Locked)  # becoming a visit gives no more tries
    assert visit.patient_id == luis.id


async def test_an_alert_that_fails_keeps_no_other_from_being_told(ward: Ward) -> None:
    async def break_the_first(unit: Unit) -> None:
        """As a later release might write it: a word this one does not know."""
        waiting_for_years = unit.now - timedelta(days=1)
        values = {"faults": ["of a later release"], "next_at": waiting_for_years}
        await unit.session.execute(update(AlertRow).where(AlertRow.kind == AlertKind.QUEUED).values(values))

    luis = await ward.unit_of_work.run(register, SYSTEM, "Luis")
    kind = ward.clinic.visit_type.id
    await ward.unit_of_work.run(waiting.enqueue, ward.desk, patient_id=PatientId(luis.id), visit_type_id=kind)
    await ward.come()
    await ward.wait()
    await ward.unit_of_work.run(break_the_first)
    assert await ward.wait(2 * MINUTE) == [ADA]


async def test_a_locked_link_reaches_the_front_desk_once(ward: Ward) -> None:
    for _ in range(6):
        wrong = TUESDAY_NINE.date()
        await ward.unit_of_work.run(guests.identify_guest, SYSTEM, ward.link, wrong)
    await ward.wait()
    (shown,) = await shown_to(ward, ward.desk)
    assert shown.alert.kind is AlertKind.LOCKED_LINK
    assert await shown_to(ward, ward.own) == []
    assert await ward.wait(5 * MINUTE) == [DESK]
    await ward.unit_of_work.run(service.acknowledge, ward.desk, shown.alert.id)
    assert await shown_to(ward, ward.desk) == []


# Visits to come

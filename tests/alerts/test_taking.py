"""What comes of an alert: one task, whose it is and how soon, on which visit, and nothing twice."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from telehealth.access.rules import DataKind, NoGrant
from telehealth.alerts import queries, service
from telehealth.alerts import tasks as alert_tasks
from telehealth.alerts.parts import (
    Alert,
    AlertDiffers,
    Code,
    CodeSystem,
    Device,
    NoVisit,
    Quantity,
    Severity,
    UnfitAlert,
)
from telehealth.alerts.rules import MOST_OF_DEVICE, RESPONSES, SAID_EVERY, WITHIN
from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound
from telehealth.core.ids import PatientId
from telehealth.core.time import FixedClock
from telehealth.followups import keeping
from telehealth.followups import service as followups
from telehealth.followups import tasks as followup_tasks
from telehealth.followups.events import FollowUpReopened
from telehealth.followups.parts import Owner, Pool, Priority, TaskKind, TaskStatus, UnfitTask
from telehealth.followups.rules import DEVICE_ALERT
from telehealth.visits.lifecycle.events import VisitMarkedAsError
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.alerts.telling import Platform, another_patient, second_platform
from tests.kit.visits import arrange_visit

OTHER_WORDS: tuple[dict[str, Any], ...] = (
    {"severity": Severity.LOW},
    {"note": "another"},
    {"device": Device("Cuff CANARY", "SN-2")},
    {"code": Code(CodeSystem.MDC, "150021", "Systolic pressure CANARY")},
    {"quantity": Quantity(Decimal(191), "mm[Hg]")},
)


async def pass_time(platform: Platform, alert: Alert) -> None:
    """Until it is escalated."""
    for wait in (timedelta(0), *[RESPONSES[alert.report.severity].within / 2] * 2):
        platform.clock.advance(wait)
        await platform.fire()


@pytest.mark.parametrize("severity", Severity)
async def test_an_alert_is_a_task_at_once(platform: Platform, severity: Severity) -> None:
    alert = await platform.tell(severity, quantity=Quantity(Decimal(192), "mm[Hg]"))
    task, response = await platform.task(alert), RESPONSES[severity]
    assert (task.kind, task.priority, task.origin) == (TaskKind.CALL, response.priority, "device_alert")
    assert task.source == str(alert.id)
    assert (task.title, task.visit_id) == ("Systolic pressure CANARY 192 mm[Hg]", platform.arranged.visit_id)
    assert (task.due_at, task.ends_at - task.due_at) == (platform.now, response.within)
    assert task.owner == Owner(Pool.CLINICIANS, None if response.anyones else platform.nurse.person_id)
    assert [each.note for each in await platform.history(task)] == ["device_alert"]
    await platform.fire()
    assert (await platform.task(alert)).status is TaskStatus.DUE


async def test_whose_clinician_signs_in_no_more_that_is_anyones(platform: Platform) -> None:
    await platform.change("UPDATE account SET disabled_at = now() WHERE id = :id", id=platform.nurse.id)
    assert (await platform.task(await platform.tell(Severity.LOW))).owner == Owner(Pool.CLINICIANS)


async def test_the_same_again_is_the_same_and_other_words_are_refused(platform: Platform, clock: FixedClock) -> None:
    told = platform.report()
    first = await platform.take(told)
    clock.advance(timedelta(days=10))  # a sender that was away for long repeats what it does not know to have arrived
    assert await platform.take(told) == first
    for other in OTHER_WORDS:
        with pytest.raises(AlertDiffers):
            await platform.take(replace(told, **other))
    stranger = await platform.unit_of_work.run(another_patient)
    with pytest.raises(AlertDiffers):
        await platform.take(replace(told, patient_id=stranger.patient_id))
    assert len(await platform.tasks()) == 1
    another = await second_platform(platform)
    assert (await another.take(replace(told, raised_at=another.now))).id != first.id  # its identifiers are its own


async def test_what_is_not_of_these_days_is_refused(platform: Platform) -> None:
    for away in (timedelta(minutes=6), -timedelta(days=7, seconds=1)):
        with pytest.raises(UnfitAlert):
            await platform.tell(raised_at=platform.now + away)
    assert await platform.scalar("SELECT count(*) FROM device_alert") == 0


async def test_it_hangs_on_the_last_visit_that_was_no_mistake(platform: Platform) -> None:
    later = await platform.unit_of_work.run(arrange_visit, SYSTEM, status=VisitStatus.COMPLETED)
    theirs = "UPDATE visit SET patient_id = :patient WHERE id = :visit"
    await platform.change(theirs, patient=platform.arranged.patient_id, visit=later.visit_id)
    before = "UPDATE visit SET starts_at = starts_at - interval '1 day' WHERE id = :visit"
    await platform.change(before, visit=platform.arranged.visit_id)
    assert (await platform.task(await platform.tell())).visit_id == later.visit_id
    wrong = "UPDATE visit SET status = 'entered_in_error' WHERE id = :visit"
    await platform.change(wrong, visit=later.visit_id)
    other = await platform.tell(device=Device("Scales", "SN-9"))
    assert (await platform.task(other)).visit_id == platform.arranged.visit_id
    await platform.change(wrong, visit=platform.arranged.visit_id)
    told = platform.report(device=Device("Scales", "SN-10"))
    with pytest.raises(NoVisit):
        await platform.take(told)
    await platform.change("UPDATE visit SET status = 'booked' WHERE id = :visit", visit=later.visit_id)
    assert (await platform.take(told)).visit_id == later.visit_id  # nothing was lost: sent again it is taken


async def test_a_visit_that_was_a_mistake_takes_no_alert_along(platform: Platform) -> None:
    task = await platform.task(await platform.tell())
    wrong = "UPDATE visit SET status = 'entered_in_error' WHERE id = :visit"
    await platform.change(wrong, visit=platform.arranged.visit_id)
    event = VisitMarkedAsError(
        visit_id=platform.arranged.visit_id, patient_id=platform.arranged.patient_id, clinician_id=task.clinician_id
    )
    await platform.unit_of_work.run(followup_tasks.mistaken, SYSTEM, event)
    await platform.fire()
    (left,) = await platform.tasks()
    assert left.status is TaskStatus.DUE


async def test_what_is_told_again_joins_the_open_task(platform: Platform) -> None:
    first = await platform.tell()
    task = await platform.task(first)
    for severity in Severity:
        platform.clock.advance(SAID_EVERY)
        assert (await platform.tell(severity)).task_id == task.id
    (left,) = await platform.tasks()
    assert left.revision == task.revision + 3  # whoever read it before hears that it has changed
    assert [each.note for each in await platform.history(left)] == ["device_alert", *["alert_again"] * 3]
    found = await platform.unit_of_work.run(queries.for_task, platform.nurse, task.id)
    assert (found.count, found.latest[-1].id) == (4, first.id)


async def test_a_device_that_repeats_itself_fills_no_history(platform: Platform) -> None:
    first = await platform.tell()
    task = await platform.task(first)
    found = [await platform.tell() for _ in range(5)]
    assert {each.task_id for each in found} == {task.id}
    assert (await platform.task(first)).revision == task.revision
    platform.clock.advance(timedelta(seconds=1))
    await platform.unit_of_work.run(followups.note, platform.nurse, task.id, text="I call her")
    await platform.tell()
    assert [each.note for each in await platform.history(task)] == ["device_alert", "I call her", "alert_again"]


@pytest.mark.parametrize("begun", [False, True])
async def test_what_is_told_once_nobody_answered_has_a_task_and_times_of_its_own(
    platform: Platform, begun: bool
) -> None:
    first = await platform.tell()
    await pass_time(platform, first)
    assert (await platform.task(first)).status is TaskStatus.ESCALATED
    assert first.task_id is not None
    if begun:
        await platform.unit_of_work.run(followups.note, platform.nurse, first.task_id, text="No answer at noon")
    second = await platform.tell()
    former, task = await platform.tasks()
    assert (task.id, task.due_at) == (second.task_id, platform.now)
    assert former.status is (TaskStatus.ESCALATED if begun else TaskStatus.CANCELLED)
    await platform.fire()
    assert (await platform.task(second)).status is TaskStatus.DUE


async def test_who_takes_on_what_cannot_wait_has_its_time(platform: Platform) -> None:
    alert, within = await platform.tell(), RESPONSES[Severity.HIGH].within
    await platform.fire()
    platform.clock.advance(within - timedelta(minutes=2))
    await platform.fire()
    assert alert.task_id is not None
    await platform.unit_of_work.run(followups.claim, platform.nurse, alert.task_id)
    platform.clock.advance(within - timedelta(minutes=1))
    await platform.fire()
    assert (await platform.task(alert)).status is TaskStatus.REMINDED
    platform.clock.advance(timedelta(minutes=1))
    await platform.fire()
    assert (await platform.task(alert)).status is TaskStatus.ESCALATED


async def test_what_is_opened_again_after_its_end_is_done(platform: Platform) -> None:
    alert = await platform.tell()
    assert alert.task_id is not None
    task = await platform.unit_of_work.run(followups.done, platform.nurse, alert.task_id)
    await platform.over(alert)
    await platform.unit_of_work.run(followups.reopen, platform.nurse, task.id)
    event = FollowUpReopened(
        task_id=task.id, visit_id=task.visit_id, patient_id=task.patient_id, clinician_id=task.clinician_id
    )
    await platform.unit_of_work.run(alert_tasks.reopened, SYSTEM, event)
    assert (await platform.task(alert)).status is TaskStatus.DONE


async def test_what_is_opened_again_before_its_end_stays_open(platform: Platform) -> None:
    alert = await platform.tell()
    assert alert.task_id is not None
    await platform.unit_of_work.run(followups.done, platform.nurse, alert.task_id)
    task = await platform.unit_of_work.run(followups.reopen, platform.nurse, alert.task_id)
    await platform.unit_of_work.run(service.reopened, SYSTEM, task.id, task.patient_id)
    assert (await platform.task(alert)).status is TaskStatus.PLANNED


async def test_it_is_whose_visit_came_about_and_not_whose_was_cancelled_or_is_to_come(platform: Platform) -> None:
    of = """UPDATE visit SET patient_id = :patient, starts_at = starts_at + :later, ends_at = ends_at + :later,
      status = :status WHERE id = :visit"""
    for later, status in ((timedelta(days=9), VisitStatus.CANCELLED), (timedelta(days=3), VisitStatus.BOOKED)):
        other = await platform.unit_of_work.run(another_patient)
        moved = {"patient": platform.arranged.patient_id, "visit": other.visit_id}
        await platform.change(of, **moved, later=later, status=status)
    first = await platform.task(await platform.tell(Severity.LOW))
    assert (first.visit_id, first.owner.person_id) == (platform.arranged.visit_id, platform.nurse.person_id)


async def test_of_a_visit_that_came_to_nothing_it_is_anyones(platform: Platform) -> None:
    cancelled = "UPDATE visit SET status = 'cancelled' WHERE id = :visit"
    await platform.change(cancelled, visit=platform.arranged.visit_id)
    assert (await platform.task(await platform.tell(Severity.LOW))).owner == Owner(Pool.CLINICIANS)


async def test_the_desk_is_not_given_what_was_measured(platform: Platform) -> None:
    alert = await platform.tell()
    assert alert.task_id is not None
    with pytest.raises(UnfitTask) as refused:
        await platform.unit_of_work.run(followups.assign, platform.nurse, alert.task_id, Owner(Pool.DESK))
    assert refused.value.extras == {"fault": "owner"}


@pytest.mark.parametrize(
    "other", [{"device": Device("Cuff CANARY", "SN-2")}, {"code": Code(CodeSystem.LOINC, "8462-4", "Diastolic")}]
)
async def test_another_device_or_measure_has_a_task_of_its_own(platform: Platform, other: dict[str, Any]) -> None:
    first = await platform.tell()
    assert (await platform.tell(**other)).task_id != first.task_id
    assert (await (await second_platform(platform)).tell()).task_id not in (first.task_id, None)


async def test_once_the_task_is_closed_the_next_alert_has_another(platform: Platform) -> None:
    first = await platform.tell()
    assert first.task_id is not None
    await platform.unit_of_work.run(followups.skip, platform.nurse, first.task_id, reason="Wore it wrongly")
    second = await platform.tell()
    assert second.task_id != first.task_id
    assert [each.status for each in await platform.tasks()] == [TaskStatus.SKIPPED, TaskStatus.PLANNED]


async def test_a_graver_alert_takes_the_place_of_what_nobody_has_begun(platform: Platform) -> None:
    low, again = await platform.tell(Severity.LOW), await platform.tell(Severity.LOW)
    high = await platform.tell(Severity.HIGH)
    former, task = await platform.tasks()
    assert (former.status, task.status) == (TaskStatus.CANCELLED, TaskStatus.PLANNED)
    assert (await platform.history(former))[-1].note == "newer_alert"
    assert set(await platform.moved()) == {low.id, again.id}
    assert (task.id, task.priority) == (high.task_id, Priority.STAT)
    found = await platform.unit_of_work.run(queries.for_task, platform.nurse, task.id)
    assert {each.id for each in found.latest} == {low.id, again.id, high.id}
    for each in (high, again):
        await platform.over(each)
        assert (await platform.task(high)).status is TaskStatus.PLANNED  # one is left
    await platform.over(low)
    assert (await platform.task(high)).status is TaskStatus.DONE


async def test_what_somebody_has_begun_is_left_to_them(platform: Platform) -> None:
    low = await platform.tell(Severity.LOW)
    assert low.task_id is not None
    await platform.unit_of_work.run(followups.note, platform.nurse, low.task_id, text="I call her at noon")
    high = await platform.tell(Severity.HIGH)
    assert {each.status for each in await platform.tasks()} == {TaskStatus.PLANNED}
    assert (await platform.tell(Severity.MEDIUM)).task_id == high.task_id
    await platform.over(low)
    assert [each.status for each in await platform.tasks()] == [TaskStatus.DONE, TaskStatus.PLANNED]


async def test_a_clinic_that_wants_no_tasks_keeps_the_alert(platform: Platform) -> None:
    await platform.unit_of_work.run(keeping.set_triggers, SYSTEM, {DEVICE_ALERT: False})
    alert = await platform.tell()
    assert (alert.task_id, await platform.tasks()) == (None, [])
    found = await platform.unit_of_work.run(queries.for_visit, platform.nurse, platform.arranged.visit_id)
    assert [each.id for each in found.latest] == [alert.id]
    assert (await platform.over(alert)).resolved_at == platform.now
    assert await platform.traces() == [
        ("create", "device_alert", "TREAT", "ok"),
        ("update", "device_alert", "TREAT", "ok"),
    ]
    await platform.unit_of_work.run(keeping.set_triggers, SYSTEM, {DEVICE_ALERT: True})
    assert (await platform.tell()).task_id is not None


async def test_the_last_that_is_over_completes_the_task_and_saying_so_twice_is_no_fault(
    platform: Platform, clock: FixedClock
) -> None:
    alert = await platform.tell()
    clock.advance(timedelta(minutes=1))
    first = await platform.over(alert)
    clock.advance(timedelta(minutes=1))
    assert await platform.over(alert) == first
    (task,) = await platform.tasks()
    assert (task.status, task.closed_at) == (TaskStatus.DONE, first.resolved_at)
    last = (await platform.history(task))[-1]
    assert (last.note, last.role) == ("alert_resolved", "system")


async def test_what_staff_have_closed_stays_as_it_is(platform: Platform) -> None:
    alert = await platform.tell()
    assert alert.task_id is not None
    await platform.unit_of_work.run(followups.skip, platform.nurse, alert.task_id, reason="Is in hospital")
    assert (await platform.over(alert)).resolved_at is not None
    assert (await platform.task(alert)).status is TaskStatus.SKIPPED


async def test_nothing_without_a_grant_for_alerts_that_covers_the_patient(platform: Platform) -> None:
    alert = await platform.tell()
    other = await second_platform(platform)
    with pytest.raises(NotFound):
        await other.over(alert)
    await platform.revoke()
    await platform.permit(kind=DataKind.TASKS)
    for refused in (platform.tell(), platform.over(alert)):
        with pytest.raises(NoGrant):
            await refused
    stranger = await platform.unit_of_work.run(another_patient)
    await platform.permit(frozenset({stranger.patient_id}))
    for absent in (platform.tell(), platform.over(alert), platform.tell(patient_id=PatientId(alert.id))):
        with pytest.raises(NotFound):
            await absent
    assert (await platform.task(alert)).closed_at is None
    with pytest.raises(NoGrant):
        await platform.unit_of_work.run(service.take, platform.nurse, platform.report())


async def test_who_sees_the_task_or_gives_the_visit_reads_it_and_nobody_else(platform: Platform) -> None:
    alert = await platform.tell(Severity.LOW)
    assert alert.task_id is not None
    colleague = (await platform.unit_of_work.run(another_patient)).clinician
    with pytest.raises(NotFound):
        await platform.unit_of_work.run(queries.for_task, colleague, alert.task_id)
    with pytest.raises(NotFound):
        await platform.unit_of_work.run(queries.for_visit, colleague, alert.visit_id)
    read = await platform.unit_of_work.run(queries.for_task, platform.nurse, alert.task_id)
    assert read.latest == (alert,)
    traced = "SELECT count(*) FROM audit_event WHERE entity = 'device_alert' AND action = 'read' AND role = 'clinician'"
    assert await platform.scalar(traced) == 1


async def test_the_list_is_of_the_latest_and_says_how_many_there_are(platform: Platform) -> None:
    told = []
    for _ in range(queries.LONGEST_LIST + 2):
        platform.clock.advance(WITHIN / MOST_OF_DEVICE)
        told.append(await platform.tell())
    found = await platform.unit_of_work.run(queries.for_visit, platform.nurse, platform.arranged.visit_id)
    assert (found.count, len(found.latest)) == (len(told), queries.LONGEST_LIST)
    assert len(await platform.tasks()) == 1


async def test_what_was_measured_is_sealed(platform: Platform) -> None:
    await platform.tell(quantity=Quantity(Decimal("192.5"), "CANARY[Hg]"), note="CANARY three in a row")
    for table in ("device_alert", "follow_up_task", "follow_up_step", "outbox", "audit_event", "message"):
        assert await platform.scalar(f"SELECT count(*) FROM {table} t WHERE t::text ILIKE '%canary%'") == 0, table  # noqa: S608
    sealed = "SELECT count(*) FROM device_alert WHERE position('CANARY'::bytea in content) > 0"
    assert await platform.scalar(sealed) == 0

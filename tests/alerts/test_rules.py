"""What an alert asks of whom, how soon, and which open task it joins: by property."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.access.rules import asked_scopes
from telehealth.alerts.parts import Code, CodeSystem, Device, Quantity, Report, Severity, TooManyAlerts, UnfitAlert
from telehealth.alerts.rules import (
    AHEAD,
    MOST,
    MOST_OF_DEVICE,
    OLDEST,
    RESPONSES,
    WITHIN,
    check,
    joined,
    make_room,
    owner,
    task_of,
)
from telehealth.core.actors import Scope
from telehealth.core.ids import ClinicianId, PatientId, TaskId, VisitId
from telehealth.followups.parts import LONGEST_TITLE as LONGEST
from telehealth.followups.parts import Facing, FollowUp, Owner, Pool, Priority, TaskKind, TaskStatus
from telehealth.followups.rules import OPEN

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOST = ClinicianId(UUID(int=7))
ORDER, URGENCY = list(Severity), list(Priority)


def task(number: int, priority: Priority, status: TaskStatus = TaskStatus.DUE) -> FollowUp:
    times: dict[str, Any] = {"planned_at": AT, "due_at": AT, "ends_at": AT + timedelta(days=1), "moved_at": AT}
    return FollowUp(
        id=TaskId(UUID(int=number + 1)),
        visit_id=VisitId(UUID(int=1)),
        patient_id=PatientId(UUID(int=2)),
        clinician_id=HOST,
        kind=TaskKind.CALL,
        title="",
        owner=Owner(Pool.CLINICIANS),
        facing=Facing.STAFF,
        priority=priority,
        status=status,
        **times,
    )


def report(severity: Severity = Severity.HIGH, quantity: Quantity | None = None, text: str = "Pulse") -> Report:
    return Report(
        identifier="a",
        patient_id=PatientId(UUID(int=2)),
        device=Device("Cuff", "1"),
        code=Code(CodeSystem.LOINC, "8867-4", text),
        severity=severity,
        raised_at=AT,
        quantity=quantity,
    )


TASKS = st.lists(st.tuples(st.sampled_from(Priority), st.sampled_from(sorted(OPEN))), max_size=5).map(
    lambda drawn: [task(number, *each) for number, each in enumerate(drawn)]
)


@given(st.sampled_from(Severity), TASKS)
def test_an_alert_joins_the_most_urgent_of_those_that_are_answered_for_and_as_urgent(
    severity: Severity, tasks: list[FollowUp]
) -> None:
    wanted = URGENCY.index(RESPONSES[severity].priority)
    in_time = [each for each in tasks if each.status is not TaskStatus.ESCALATED]
    most = max((URGENCY.index(each.priority) for each in in_time), default=-1)
    joins = joined(severity, tasks)
    if most < wanted:
        assert joins is None
    else:
        assert joins in in_time
        assert joins is not None
        assert URGENCY.index(joins.priority) == most


@given(st.sampled_from(Severity), st.sampled_from(Severity))
def test_the_graver_it_is_the_more_urgent_and_the_sooner_it_is_escalated(one: Severity, other: Severity) -> None:
    if ORDER.index(one) < ORDER.index(other):
        assert URGENCY.index(RESPONSES[one].priority) < URGENCY.index(RESPONSES[other].priority)
        assert RESPONSES[one].within > RESPONSES[other].within
    wish = task_of(report(one), UUID(int=3), owner(one, HOST))
    assert (wish.lasts, wish.priority) == (RESPONSES[one].within, RESPONSES[one].priority)
    assert wish.owner == Owner(Pool.CLINICIANS, None if one is Severity.HIGH else HOST)
    assert owner(one, None) == Owner(Pool.CLINICIANS)


@given(st.timedeltas(timedelta(days=-20), timedelta(days=20)))
def test_what_was_raised_lately_is_taken(ago: timedelta) -> None:
    if -AHEAD <= ago <= OLDEST:
        check(AT - ago, AT)
        return
    with pytest.raises(UnfitAlert) as refused:
        check(AT - ago, AT)
    assert refused.value.extras == {"fault": "old" if ago > OLDEST else "ahead"}


@given(st.decimals(-1_000_000_000, 1_000_000_000, allow_nan=False, places=6))
def test_a_quantity_reads_as_it_was_measured(value: Decimal) -> None:
    number, unit = Quantity(value, "mm[Hg]").written.split(" ")
    assert (Decimal(number), unit) == (value, "mm[Hg]")
    assert "E" not in number


def test_the_title_says_what_was_measured_and_fits() -> None:
    told = report(quantity=Quantity(Decimal("192.0"), "mm[Hg]"), text="Systolic pressure")
    assert task_of(told, UUID(int=3), Owner(Pool.CLINICIANS)).title == "Systolic pressure 192 mm[Hg]"
    longest = report(quantity=Quantity(Decimal("-999999999.999999"), "u" * 30), text="x" * 100)
    assert len(task_of(longest, UUID(int=3), Owner(Pool.CLINICIANS)).title) <= LONGEST


def test_clients_ask_for_the_scope_by_its_own_name() -> None:
    assert asked_scopes("alerts.write summaries.read alerts.read system/*.cruds").keys() >= {"alerts.write"}
    assert asked_scopes("alerts.write alerts.read") == {"alerts.write": Scope.ALERTS_WRITE}
    assert Scope.ALERTS_WRITE not in asked_scopes("system/*.cruds system/*.*").values()


@given(st.lists(st.tuples(st.integers(0, 700), st.booleans()), max_size=2 * MOST))
def test_no_minute_has_more_than_are_taken_and_who_comes_when_told_is(sent: list[tuple[int, bool]]) -> None:
    """Whenever a platform tells (milliseconds after the one before), and of the same device or of another."""
    now, taken = AT, list[tuple[datetime, bool]]()
    for wait, same in sent:
        now += timedelta(milliseconds=wait)
        lately = [(at, of) for at, of in reversed(taken) if at > now - WITHIN]
        told, of_device = [at for at, _ in lately], [at for at, of in lately if of and same]
        try:
            make_room(told, of_device, now)
        except TooManyAlerts as refused:
            later = now + timedelta(seconds=int(str(refused.extras["retry_after"])))
            assert now < later <= now + WITHIN
            of_both, of_one = ([at for at in each if at > later - WITHIN] for each in (told, of_device))
            make_room(of_both, of_one, later)
        else:
            taken.append((now, same))
    for at, _ in taken:
        minute = [of for each, of in taken if at <= each < at + WITHIN]
        assert len(minute) <= MOST
        assert sum(minute) <= MOST_OF_DEVICE

"""Which alerts are taken and how many, what each asks of whom and how soon, and which task one joins. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from telehealth.alerts.parts import Alert, Report, Severity, TooManyAlerts, UnfitAlert
from telehealth.core.ids import ClinicianId
from telehealth.followups.parts import FollowUp, Owner, Pool, Priority, TaskKind, TaskStatus, Wish
from telehealth.followups.rules import DEVICE_ALERT

AHEAD, OLDEST = timedelta(minutes=5), timedelta(days=7)
RAISED, AGAIN, NEWER, RESOLVED = "device_alert", "alert_again", "newer_alert", "alert_resolved"  # in histories
MOST, MOST_OF_DEVICE, WITHIN = 120, 20, timedelta(minutes=1)  # of a severity: nobody could see to more
LONGEST_WAIT = timedelta(seconds=30)  # for a connection and for locks, after it was told when that was
SAID_EVERY = timedelta(minutes=1)  # that it was told again, of a device that repeats itself


@dataclass(frozen=True, slots=True)
class Response:
    """How urgent the task is, and how long it may take before it is escalated. `anyones`: whoever is there."""

    priority: Priority
    within: timedelta
    anyones: bool = False


RESPONSES: Mapping[Severity, Response] = {
    Severity.LOW: Response(Priority.ROUTINE, timedelta(days=1)),
    Severity.MEDIUM: Response(Priority.URGENT, timedelta(hours=4)),
    Severity.HIGH: Response(Priority.STAT, timedelta(minutes=20), anyones=True),
}


def check(raised_at: datetime, now: datetime) -> None:
    """Whether it was raised lately: clocks differ, and what lay about for a week is no alert. Raises UnfitAlert."""
    if raised_at > now + AHEAD:
        raise UnfitAlert(fault="ahead")
    if raised_at < now - OLDEST:
        raise UnfitAlert(fault="old")


def make_room(told: Sequence[datetime], of_device: Sequence[datetime], now: datetime) -> None:
    """Whether there is room for one more beside what the integration, and this device of it, told in the last minute,
    the last first. Raises TooManyAlerts.
    """
    full = [each[most - 1] for each, most in ((told, MOST), (of_device, MOST_OF_DEVICE)) if len(each) >= most]
    if full:
        wait = max(full) + WITHIN - now
        raise TooManyAlerts(retry_after=max(1, math.ceil(wait.total_seconds())))


def owner(severity: Severity, host: ClinicianId | None) -> Owner:
    """The patient's own clinician is told by mail; what is grave every clinician sees at once. `host` gave the visit,
    None who signs in no more.
    """
    return Owner(Pool.CLINICIANS, None if RESPONSES[severity].anyones else host)


def task_of(report: Report, alert_id: UUID, whose: Owner) -> Wish:
    """The task that it asks for. What was measured is for clinicians."""
    response = RESPONSES[report.severity]
    measured = "" if report.quantity is None else f" {report.quantity.written}"
    return Wish(
        title=f"{report.code.text}{measured}",
        kind=TaskKind.CALL,
        owner=whose,
        priority=response.priority,
        lasts=response.within,
        origin=f"{DEVICE_ALERT}:{alert_id}",
        cause=RAISED,
    )


def joined(severity: Severity, tasks: Iterable[FollowUp]) -> FollowUp | None:
    """Of the open tasks of the same device and measure the one that it joins, the most urgent; None when it is graver
    than all. What was escalated has no time left of which anybody would be told: it is joined no more.
    """
    least = _rank(RESPONSES[severity].priority)
    fit = [each for each in tasks if _rank(each.priority) >= least and each.status is not TaskStatus.ESCALATED]
    return max(fit, key=lambda each: (_rank(each.priority), each.due_at, each.id), default=None)


def gravest_last(alerts: Iterable[Alert]) -> list[Alert]:
    """Of those as grave as each other the latest last."""
    return sorted(alerts, key=lambda each: (list(Severity).index(each.report.severity), each.received_at))


def _rank(priority: Priority) -> int:
    return list(Priority).index(priority)

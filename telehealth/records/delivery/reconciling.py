"""Whether what had arrived is still in the record as it was left: read, look (in no transaction), write."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from telehealth.records.delivery import service
from telehealth.records.delivery.findings import Finding, Seen, judge
from telehealth.records.delivery.ports import Destination, Destinations
from telehealth.records.delivery.service import Arrived
from telehealth.tasks.work import Work

EACH = 20
AGAIN_AFTER = timedelta(days=1)
LOOKED_AFTER_FOR = timedelta(days=30)
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """Of one destination: how many were looked at, what was found, and whether it answered to the end."""

    destination: str
    looked_at: int = 0
    found: Counter[Finding] = field(default_factory=Counter)
    answered: bool = True


async def reconcile(work: Work, destination: Destination, *, since: datetime, unseen_since: datetime) -> Report:
    """Look at everything that arrived after `since` and was not looked at after `unseen_since`."""
    report = Report(destination.name)
    while report.answered and await look_at_some(work, destination, report, (since, unseen_since)):
        pass
    return report


async def look_at_some(work: Work, destination: Destination, report: Report, times: tuple[datetime, datetime]) -> int:
    """The next few. Answers how many there were; the first that nobody can look at ends it."""
    since, unseen_since = times
    some = await work.run(
        service.arrived_deliveries,
        destination.name,
        destination.profile,
        since=since,
        unseen_since=unseen_since,
        limit=EACH,
    )
    for arrived in some:
        if not await _look_at(work, destination, arrived, report):
            report.answered = False
            break
    return len(some)


async def _look_at(work: Work, destination: Destination, arrived: Arrived, report: Report) -> bool:
    document = await work.run(service.document_of, arrived)
    seen = await destination.service.look(document)
    if not isinstance(seen, Seen):
        return False
    finding = judge(seen, arrived.allowed)
    await work.run(service.write_finding, arrived, finding)
    report.looked_at += 1
    if finding is not None:
        report.found[finding] += 1
        log.error("delivery %s to %s: found %s", arrived.delivery_id, destination.name, finding)
    return True


async def look_around(work: Work) -> int:
    """Once a day at everything of the last thirty days, a few at a time, each destination by itself."""
    from_now = work.clock.now()
    times = (from_now - LOOKED_AFTER_FOR, from_now - AGAIN_AFTER)
    return sum([await look_at_some(work, each, Report(each.name), times) for each in work.port(Destinations).each])

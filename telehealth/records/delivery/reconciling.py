"""Whether what had arrived is still in the record as it was left: read, look (in no transaction), write."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from telehealth.records.delivery import service
from telehealth.records.delivery.findings import Finding, Seen, judge
from telehealth.records.delivery.ports import Destination, Destinations, Document
from telehealth.records.delivery.rules import Away, Forbidden, Throttled, Unauthorized, Unsure
from telehealth.records.delivery.service import Arrived
from telehealth.tasks.work import Work

EACH = 20
AGAIN_AFTER = timedelta(days=1)
LOOKED_AFTER_FOR = timedelta(days=30)
NOT_NOW = (Away, Unsure, Throttled, Unauthorized, Forbidden)  # of the record service, whatever it is asked for
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """Of one destination: how many were looked at, what was found, how many we could not look at ourselves, and whether
    it answered to the end.
    """

    destination: str
    looked_at: int = 0
    found: Counter[Finding] = field(default_factory=Counter)
    passed_over: int = 0
    answered: bool = True


async def reconcile(work: Work, destination: Destination, *, since: datetime, unseen_since: datetime) -> Report:
    """Look at everything that arrived after `since` and was not looked at after `unseen_since`."""
    report = Report(destination.name)
    while report.answered and await look_at_some(work, destination, report, (since, unseen_since)):
        pass
    return report


async def look_at_some(work: Work, destination: Destination, report: Report, times: tuple[datetime, datetime]) -> int:
    """The next few. Answers how many there were; a record service that lets nobody look ends it."""
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
    try:
        return await _looked_at(work, destination, arrived, report)
    except Exception as error:  # noqa: BLE001 -- one broken row stops no other
        told = (arrived.delivery_id, destination.name, type(error).__name__)
        log.error("delivery %s to %s cannot be looked at: %s", *told)  # noqa: TRY400 -- values in traces
    await work.run(service.pass_over, arrived)
    report.passed_over += 1
    return True


async def _looked_at(work: Work, destination: Destination, arrived: Arrived, report: Report) -> bool:
    content, records = await work.run(service.content_of, arrived), destination.service
    seen = await (records.look(content) if isinstance(content, Document) else records.look_at(content))
    if isinstance(seen, NOT_NOW):
        return False
    finding = judge(seen, arrived.allowed) if isinstance(seen, Seen) else Finding.CHANGED
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
    return sum([await _look_around_in(work, each, times) for each in work.port(Destinations).each])


async def _look_around_in(work: Work, destination: Destination, times: tuple[datetime, datetime]) -> int:
    try:
        return await look_at_some(work, destination, Report(destination.name), times)
    except Exception as error:  # noqa: BLE001 -- one destination stops no other
        log.error("%s cannot be looked around in: %s", destination.name, type(error).__name__)  # noqa: TRY400 -- values
        return 0

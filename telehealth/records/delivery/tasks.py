"""The courier: claims what is due (transaction), goes to the record service (none), settles (transaction)."""

import asyncio
import logging
import random

from telehealth.core.failpoints import Failpoint
from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.records.delivery import queries, service
from telehealth.records.delivery.events import NoteDelivered
from telehealth.records.delivery.ports import Destination, Destinations, Document, RecordService
from telehealth.records.delivery.reconciling import look_around
from telehealth.records.delivery.rules import Answer, Away, Breaker, Bucket, Unauthorized, Unsure, next_step
from telehealth.records.delivery.service import Claim
from telehealth.tasks.work import Work, subscription, sweep
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as visit_service
from telehealth.visits.lifecycle.events import VisitEnded
from telehealth.visits.lifecycle.rules import VisitStatus

BATCH = 10
TRIP_SECONDS = 30.0  # within the lease and within the sweep's own deadline
CLAIMED, SENT = Failpoint("records.claimed"), Failpoint("records.sent")
log = logging.getLogger(__name__)


class Courier:
    """One for each worker process: breakers and buckets are that process's own experience with each record service."""

    def __init__(self, batch: int = BATCH) -> None:
        """`batch`: how many are on their way to one destination at a time."""
        self._batch = batch
        self._breakers: dict[str, Breaker] = {}
        self._buckets: dict[str, Bucket] = {}

    async def sweep(self, work: Work) -> int:
        """Deliver what is due, to all destinations side by side. Answers how many were settled."""
        destinations = work.port(Destinations).each
        return sum(await asyncio.gather(*(self._serve(work, destination) for destination in destinations)))

    async def _serve(self, work: Work, destination: Destination) -> int:
        now, name = work.clock.now(), destination.name
        breaker = self._breakers.get(name, Breaker())
        bucket = self._buckets.get(name, Bucket(destination.profile.rate)).filled(now)
        limit = bucket.holds(self._batch if breaker.probe_at is None else 1)
        if limit == 0 or not breaker.allows(now):
            return 0
        claims = await work.run(service.claim_deliveries, name, limit=limit)
        self._buckets[name] = bucket.without(len(claims))
        if claims:
            CLAIMED()
        return sum(await asyncio.gather(*(self._carry(work, destination, claim) for claim in claims)))

    async def _carry(self, work: Work, destination: Destination, claim: Claim) -> bool:
        answer = await self._answer(work, destination, claim)
        SENT()
        now = work.clock.now()
        before = self._breakers.get(destination.name, Breaker())
        self._breakers[destination.name] = before.after(answer, now)
        jitter = random.random()  # noqa: S311 -- jitter, not a secret
        step = next_step(claim.trip, answer, now=now, jitter=jitter, profile=destination.profile)
        if step.alarm is not None and not (before.refused and isinstance(answer, Unauthorized)):
            codes = " ".join(step.codes) or "none"
            told = (claim.delivery_id, destination.name, step.alarm, step.last_status, codes)
            log.error("delivery %s to %s: %s, status %s, codes %s", *told)
        settled = await work.run(service.settle_delivery, claim, step)
        if not settled:
            log.warning("delivery %s: settled by another sender meanwhile", claim.delivery_id)
        return settled

    async def _answer(self, work: Work, destination: Destination, claim: Claim) -> Answer:
        try:
            document = await work.run(service.document_of, claim)
        except Exception as error:  # noqa: BLE001 -- one broken row stops no other, and backs off like the rest
            log.error("delivery %s cannot be put together: %s", claim.delivery_id, type(error).__name__)  # noqa: TRY400
            return Away()
        return await self._sent(destination.service, document, claim)

    async def _sent(self, record_service: RecordService, document: Document, claim: Claim) -> Answer:
        try:
            async with asyncio.timeout(TRIP_SECONDS):
                return await record_service.deliver(document, search_first=claim.trip.search_first)
        except TimeoutError:
            return Unsure()
        except Exception as error:  # noqa: BLE001 -- a fault of ours may come after the document arrived
            log.error("delivery %s: %s", claim.delivery_id, type(error).__name__)  # noqa: TRY400 -- values in traces
            return Unsure()


async def complete_delivered(unit: Unit, event: NoteDelivered) -> None:
    """The note has arrived: the visit is complete if it has ended."""
    await _complete(unit, event.visit_id)


async def complete_ended(unit: Unit, event: VisitEnded) -> None:
    """The visit has ended: it is complete if its note has arrived already."""
    await _complete(unit, event.visit_id)


async def _complete(unit: Unit, visit_id: VisitId) -> None:
    visit = await visits.find(unit, visit_id, lock=True)
    if visit.status is VisitStatus.ENDED and await queries.note_is_in_record(unit, visit_id):
        await visit_service.complete(unit, visit_id)


SUBSCRIPTIONS = (subscription(NoteDelivered, complete_delivered), subscription(VisitEnded, complete_ended))
SWEEPS = (
    sweep("records.deliver", Courier().sweep, every=1.0),
    sweep("records.reconcile", look_around, every=30.0),
)

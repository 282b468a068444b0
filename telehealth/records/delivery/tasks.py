"""The courier: claims what is due (transaction), goes to the record service (none), settles (transaction)."""

import asyncio
import logging
import random
from datetime import timedelta

from telehealth.core.failpoints import Failpoint
from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.records.delivery import queries, service, write_back
from telehealth.records.delivery.events import NoteDelivered
from telehealth.records.delivery.ports import Destination, Destinations, Document, RecordService, VisitState
from telehealth.records.delivery.profiles import Profile
from telehealth.records.delivery.reconciling import look_around
from telehealth.records.delivery.rules import Answer, Away, Breaker, Step, Unauthorized, Unsure, next_step
from telehealth.records.delivery.service import Claim
from telehealth.tasks.work import Lane, Work, subscription, sweep
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as visit_service
from telehealth.visits.lifecycle.events import (
    ClinicianMissed,
    PatientLeft,
    PatientMissed,
    VisitCancelled,
    VisitCorrected,
    VisitEnded,
    VisitFailed,
    VisitMarkedAsError,
    VisitStarted,
)
from telehealth.visits.lifecycle.rules import VisitStatus

BATCH = 10
TRIP_SECONDS = 30.0  # within the lease and within the sweep's own deadline
TURNS_WITHIN = timedelta(seconds=2)
CLAIMED, SENT = Failpoint("records.claimed"), Failpoint("records.sent")
log = logging.getLogger(__name__)


class Courier:
    """Carries what is due. What is known of a record service is in rows, the same for all workers."""

    def __init__(self, batch: int = BATCH) -> None:
        """`batch`: how many are on their way to one destination at a time."""
        self._batch = batch

    async def sweep(self, work: Work) -> int:
        """Deliver what is due, to all destinations side by side. Answers how many were settled."""
        destinations = work.port(Destinations)
        await self._queue_visits(work, destinations)
        turns = await asyncio.gather(*(self._serve(work, each) for each in destinations.each), return_exceptions=True)
        for fault in turns:  # only once the others have come back: nobody is left half-way when this ends
            if isinstance(fault, BaseException):
                raise fault
        return sum(each for each in turns if isinstance(each, int))

    async def _queue_visits(self, work: Work, destinations: Destinations) -> None:
        try:
            await work.run(write_back.queue_visits, destinations.of_visits)
        except Exception as error:  # noqa: BLE001 -- notes go on
            log.error("visits cannot be queued: %s", type(error).__name__)  # noqa: TRY400

    async def _serve(self, work: Work, destination: Destination) -> int:
        """Whoever comes back makes room for the next; but not for long: other sweeps wait for this worker too."""
        settled, under_way, until = 0, set[asyncio.Task[bool]](), work.clock.now() + TURNS_WITHIN
        try:
            while work.clock.now() <= until:
                under_way |= await self._sent_off(work, destination, self._batch - len(under_way))
                if not under_way:
                    break
                back, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                settled += sum(each.result() for each in back)
        finally:  # also when it cannot be told what is due: nobody is left half-way
            settled += sum(await asyncio.gather(*under_way))
        return settled

    async def _sent_off(self, work: Work, destination: Destination, places: int) -> set[asyncio.Task[bool]]:
        claims = await work.run(service.claim_turn, destination.name, destination.profile, most=places)
        if claims:
            CLAIMED()
        return {asyncio.create_task(self._carry(work, destination, each)) for each in claims}

    async def _carry(self, work: Work, destination: Destination, claim: Claim) -> bool:
        answer = await self._answer(work, destination, claim)
        SENT()
        jitter, profile = random.random(), destination.profile  # noqa: S311 -- jitter, not a secret
        step = next_step(claim.trip, answer, now=work.clock.now(), jitter=jitter, profile=profile)
        try:
            settled, before = await work.run(_settle, claim, profile, answer=answer, step=step)
        except Exception as error:  # noqa: BLE001 -- its lease runs out, and whoever is next looks for it first
            log.error("delivery %s cannot be settled: %s", claim.delivery_id, type(error).__name__)  # noqa: TRY400
            return False
        if step.alarm is not None and not (before.refused and isinstance(answer, Unauthorized)):
            codes = " ".join(step.codes) or "none"
            told = (claim.delivery_id, destination.name, step.alarm, step.last_status, codes)
            log.error("delivery %s to %s: %s, status %s, codes %s", *told)
        if not settled:
            log.warning("delivery %s: settled by another sender meanwhile", claim.delivery_id)
        return settled

    async def _answer(self, work: Work, destination: Destination, claim: Claim) -> Answer:
        try:
            content = await work.run(service.content_of, claim)
        except Exception as error:  # noqa: BLE001 -- one broken row stops no other, and backs off like the rest
            log.error("delivery %s cannot be put together: %s", claim.delivery_id, type(error).__name__)  # noqa: TRY400
            return Away()
        return await self._sent(destination.service, content, claim)

    async def _sent(self, record_service: RecordService, content: Document | VisitState, claim: Claim) -> Answer:
        try:
            async with asyncio.timeout(TRIP_SECONDS):
                if isinstance(content, VisitState):
                    return await record_service.write(content)
                return await record_service.deliver(content, search_first=claim.trip.search_first)
        except TimeoutError:
            return Unsure()
        except Exception as error:  # noqa: BLE001 -- a fault of ours may come after the document arrived
            log.error("delivery %s: %s", claim.delivery_id, type(error).__name__)  # noqa: TRY400 -- values in traces
            return Unsure()


async def _settle(unit: Unit, claim: Claim, profile: Profile, *, answer: Answer, step: Step) -> tuple[bool, Breaker]:
    """Whether it was still ours to settle, and what was known of the destination before."""
    before = await service.settle_answer(unit, claim, profile, answer)
    return await service.settle_delivery(unit, claim, step), before


async def forget_untaken(work: Work) -> int:
    """What waits for a record service that takes it no more, since its settings are others."""
    return await work.run(write_back.forget_untaken, work.port(Destinations).of_visits)


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


TOLD_OF = (
    VisitStarted,
    VisitEnded,
    VisitCancelled,
    PatientMissed,
    ClinicianMissed,
    PatientLeft,
    VisitFailed,
    VisitMarkedAsError,
    VisitCorrected,
)
SUBSCRIPTIONS = (
    subscription(NoteDelivered, complete_delivered),
    subscription(VisitEnded, complete_ended),
    *(subscription(each, write_back.note_change) for each in TOLD_OF),
)
SWEEPS = (
    sweep("records.deliver", Courier().sweep, every=1.0, lane=Lane.PARTNERS),
    sweep("records.forget_untaken", forget_untaken, every=60.0),
    sweep("records.reconcile", look_around, every=30.0, lane=Lane.PARTNERS),
)

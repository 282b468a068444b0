"""Commands on deliveries: queued by a signature, leased to one sender, settled by its answer, redriven by a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.errors import NotFound
from telehealth.core.ids import DeliveryId
from telehealth.core.rates import Bucket
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.records.delivery import queries, write_back
from telehealth.records.delivery.events import NoteDelivered, NoteHeld
from telehealth.records.delivery.findings import Finding, expected
from telehealth.records.delivery.models import RecordDeliveryRow, RecordDestinationRow
from telehealth.records.delivery.ports import Document, VisitState
from telehealth.records.delivery.profiles import Profile, ResourceType
from telehealth.records.delivery.rules import (
    CLINICIAN_SYSTEM,
    PROBE_EVERY,
    VISIT_SYSTEM,
    Answer,
    Away,
    Breaker,
    DeliveryState,
    Identifier,
    SignedVersion,
    Step,
    Subject,
    Throttled,
    Trip,
    UnderWay,
    Unsure,
    VisitPart,
)
from telehealth.records.delivery.statuses import written_status
from telehealth.records.notes import queries as notes
from telehealth.records.notes.amendments import DocumentStatus, affected
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.histories import in_media

LEASE = timedelta(seconds=60)  # longer than one trip may take, so a lease runs out only under a dead sender


async def queue(unit: Unit, note_version_id: UUID, destinations: Sequence[str]) -> None:
    """A signed version is due at each of these from now on."""
    unit.session.add_all(
        RecordDeliveryRow(
            id=unit.new_id(),
            destination=destination,
            note_version_id=note_version_id,
            state=DeliveryState.PENDING,
            since=unit.now,
            next_attempt_at=unit.now,
            attempt=0,
        )
        for destination in destinations
    )
    await unit.session.flush()


@dataclass(frozen=True, slots=True)
class Arrived:
    """A delivery that has arrived, with how its resource may stand by now."""

    delivery_id: DeliveryId
    destination: str
    subject: Subject
    allowed: frozenset[str]

    @property
    def made_again(self) -> bool:
        """What is missing there is sent again: a document that may be `current`, and whatever is of a visit. One that
        was replaced must not stand beside what took its place.
        """
        return isinstance(self.subject, VisitPart) or DocumentStatus.CURRENT in self.allowed


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery leased to one sender. `trip.attempt` is the fencing token."""

    delivery_id: DeliveryId
    destination: str
    subject: Subject
    trip: Trip


async def claim_turn(unit: Unit, destination: str, profile: Profile, *, most: int) -> list[Claim]:
    """Lease what may go there now: what the rate has tokens for; behind an open breaker one probe, once a minute.

    Every worker of the house takes its turns here, so that there is one breaker and one rate for each record service.
    """
    known = await _known(unit, destination)
    breaker = _breaker(known)
    bucket = Bucket(profile.rate, known.tokens, known.filled_at).filled(unit.now)
    limit = bucket.holds(most if breaker.probe_at is None else 1)
    if limit == 0 or not breaker.allows(unit.now):
        return []
    claims = await claim_deliveries(unit, destination, limit=limit)
    if claims and breaker.probe_at is not None:
        known.probe_at = unit.now + PROBE_EVERY  # one that dies on the way is followed by another
    if claims and bucket.rate is not None:
        left = bucket.without(len(claims))
        known.tokens, known.filled_at = left.tokens, left.filled_at
    await unit.session.flush()
    return claims


async def settle_answer(unit: Unit, claim: Claim, profile: Profile, answer: Answer) -> Breaker:
    """What an answer tells of a record service. Answers what was known of it before.

    Back after a time away: what was put off for its sake is due as soon as its searches have caught up. What a visit's
    part fails with may be that type's alone: it holds up no notes.
    """
    destination = claim.destination
    before = _breaker(await unit.session.get(RecordDestinationRow, destination) or RecordDestinationRow(failures=0))
    of_its_type = isinstance(claim.subject, VisitPart) and isinstance(answer, Away | Unsure)
    if of_its_type or before.after(answer, unit.now) == before:
        return before
    known = await _known(unit, destination)
    before = _breaker(known)
    after = before.after(answer, unit.now)
    known.failures, known.probe_at, known.refused = after.failures, after.probe_at, after.refused
    await unit.session.flush()
    if before.probe_at is not None and after.probe_at is None and not isinstance(answer, Throttled):
        await _hasten(unit, destination, unit.now + profile.index_lag)
    return before


async def _known(unit: Unit, destination: str) -> RecordDestinationRow:
    """Locked: whoever takes a turn or changes the breaker does so after the others."""
    found = select(RecordDestinationRow).where(RecordDestinationRow.name == destination).with_for_update()
    fresh = found.execution_options(populate_existing=True)
    known = await unit.session.scalar(fresh)
    if known is None:
        await unit.session.execute(insert(RecordDestinationRow).values(name=destination).on_conflict_do_nothing())
        known = (await unit.session.scalars(fresh)).one()
    return known


def _breaker(known: RecordDestinationRow) -> Breaker:
    return Breaker(known.failures, known.probe_at, refused=bool(known.refused))


async def _hasten(unit: Unit, destination: str, due_at: datetime) -> None:
    row = RecordDeliveryRow
    later = and_(row.state.in_(queries.WAITING), row.next_attempt_at > due_at, row.last_status.is_distinct_from(429))
    await unit.session.execute(update(row).where(row.destination == destination, later).values(next_attempt_at=due_at))


async def claim_deliveries(unit: Unit, destination: str, *, limit: int) -> list[Claim]:
    """Lease what is due there, notes before visits, each version after those before it have arrived.

    A lease that ran out belonged to a sender that died: nobody knows how far it came.
    """
    row = RecordDeliveryRow
    waiting = and_(row.state.in_((DeliveryState.PENDING, DeliveryState.VERIFYING)), row.next_attempt_at <= unit.now)
    abandoned = and_(row.state == DeliveryState.SENDING, row.lease_until <= unit.now)
    due = (
        select(row.id)
        .where(row.destination == destination, or_(waiting, abandoned), ~queries.EARLIER_UNDER_WAY)
        .order_by(row.note_version_id.is_(None), func.coalesce(row.next_attempt_at, row.lease_until))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    doubt = case((abandoned, func.coalesce(row.first_ambiguous_at, unit.now)), else_=row.first_ambiguous_at)
    leased = {
        "state": DeliveryState.SENDING,
        "attempt": row.attempt + 1,
        "lease_until": unit.now + LEASE,
        "next_attempt_at": None,
        "first_ambiguous_at": doubt,
    }
    claimed = await unit.session.execute(update(row).where(row.id.in_(select(due.c.id))).values(leased).returning(row))
    return [
        Claim(
            DeliveryId(each.id),
            each.destination,
            queries.subject_of(each),
            Trip(each.attempt, each.since, each.first_ambiguous_at),
        )
        for each in claimed.scalars()
    ]


async def content_of(unit: Unit, delivery: Claim | Arrived) -> Document | VisitState:
    """What is to be delivered, with the patient's identifier of today. The release is audited."""
    match delivery.subject:
        case SignedVersion(note_version_id):
            return await _document(unit, delivery, note_version_id)
        case VisitPart(visit_id, resource_type):
            return await _visit_state(unit, delivery, visit_id, resource_type)
        case never:
            assert_never(never)


async def _visit_state(
    unit: Unit, delivery: Claim | Arrived, visit_id: UUID, resource_type: ResourceType
) -> VisitState:
    visit = await visits.find(unit, visit_id)
    patient = await people.patient(unit, visit.patient_id)
    unit.audit("execute", "record_delivery", delivery.delivery_id, patient_id=patient.id)
    return VisitState(
        resource_type=resource_type,
        status=visit.status,
        visit=Identifier(VISIT_SYSTEM, str(visit.id)),
        patient=Identifier.parse(patient.identifier),
        clinician=Identifier(CLINICIAN_SYSTEM, str(visit.clinician_id)),
        clinician_name=(await people.clinician(unit, visit.clinician_id)).name,
        visit_type=visit.visit_type,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        in_media=in_media(await visits.history(unit, visit.id)),
        remote_id=await queries.remote_id(unit, delivery.destination, visit.id, resource_type),
    )


async def _document(unit: Unit, delivery: Claim | Arrived, note_version_id: UUID) -> Document:
    version = await notes.signed_version(unit, note_version_id)
    cosigned = version.cosigned
    earlier = [each for each in await notes.history(unit, version.note_id) if each.version < version.version]
    there = await queries.remote_ids(unit, delivery.destination, version.note_id)
    visit = await visits.find(unit, version.visit_id)
    patient = await people.patient(unit, visit.patient_id)
    unit.audit("execute", "record_delivery", delivery.delivery_id, patient_id=patient.id)
    return Document(
        note_id=version.note_id,
        version=version.version,
        kind=version.kind,
        text=await notes.signed_text(unit, version.id),
        signed_at=version.signed_at,
        patient=Identifier.parse(patient.identifier),
        author=Identifier(CLINICIAN_SYSTEM, str(version.author_id)),
        author_name=version.author_name,
        visit=Identifier(VISIT_SYSTEM, str(visit.id)),
        started_at=visit.started_at or visit.starts_at,
        ended_at=visit.ended_at,
        custodian=(await people.clinic(unit)).name,
        relation=version.relation,
        amended=there.get(version.relates_to or 0),  # a destination may be younger than the note
        affected=tuple(there[each] for each in affected(earlier, version) if each in there),
        remote_id=there.get(version.version),
        encounter_id=await queries.remote_id(unit, delivery.destination, visit.id, ResourceType.ENCOUNTER),
        authenticator=None if cosigned is None else Identifier(CLINICIAN_SYSTEM, str(cosigned.by)),
        authenticator_name="" if cosigned is None else cosigned.name,
    )


async def settle_delivery(unit: Unit, claim: Claim, step: Step) -> bool:
    """Write down what came of a try. False, and nothing written, when the lease has passed to another sender."""
    row = RecordDeliveryRow
    settled = await unit.session.scalar(
        update(row)
        .where(row.id == claim.delivery_id, row.attempt == claim.trip.attempt, row.state == DeliveryState.SENDING)
        .values(
            state=step.state,
            lease_until=None,
            next_attempt_at=step.next_attempt_at,
            first_ambiguous_at=step.first_ambiguous_at,
            **_where_it_is(claim.subject, step),
            last_status=step.last_status,
            codes=" ".join(step.codes) or None,
            reason=step.alarm,
            settled_at=unit.now if step.next_attempt_at is None else None,
        )
        .returning(row.id)
    )
    if settled is None:
        return False
    match claim.subject:
        case SignedVersion(note_version_id):
            await _tell(unit, note_version_id, step.state)
        case VisitPart(_, _, revision):
            await write_back.send_later_revision(unit, claim.delivery_id, revision)
        case never:
            assert_never(never)
    return True


def _where_it_is(subject: Subject, step: Step) -> dict[str, Any]:
    """What is of a visit stays where it arrived first, whatever becomes of a later revision."""
    if isinstance(subject, VisitPart) and step.state is not DeliveryState.DELIVERED:
        return {}
    return {"remote_id": step.remote_id, "remote_version": step.remote_version}


async def _tell(unit: Unit, note_version_id: UUID, state: DeliveryState) -> None:
    happened = {DeliveryState.DELIVERED: NoteDelivered, DeliveryState.HELD: NoteHeld, DeliveryState.DEAD: NoteHeld}
    if (event := happened.get(state)) is not None:
        version = await notes.signed_version(unit, note_version_id)
        unit.emit(
            event(
                note_id=version.note_id,
                visit_id=version.visit_id,
                patient_id=version.patient_id,
                clinician_id=version.clinician_id,
                version=version.version,
            )
        )


async def redrive(unit: Unit, delivery_id: UUID) -> None:
    """Send a held or dead delivery on its way again, with another 72 hours; one that waits for its time, at once.

    One that may have arrived keeps its time: before it a search may not show what is there.

    Raises NotFound, UnderWay when it is being sent or has arrived.
    """
    row = await unit.session.get(RecordDeliveryRow, delivery_id, with_for_update=True)
    if row is None:
        raise NotFound
    if row.state in queries.GIVEN_UP:
        await _redrive(unit, RecordDeliveryRow.id == delivery_id)
    elif row.state in queries.WAITING:
        row.next_attempt_at = unit.now if row.state == DeliveryState.PENDING else row.next_attempt_at
        unit.audit("execute", "record_delivery", delivery_id)
    else:
        raise UnderWay


async def redrive_all(unit: Unit) -> int:
    """Every held or dead delivery likewise. Answers how many there were."""
    return await _redrive(unit, true())


async def _redrive(unit: Unit, which: ColumnElement[bool]) -> int:
    row = RecordDeliveryRow
    again = {
        "state": DeliveryState.PENDING,
        "since": unit.now,
        "next_attempt_at": unit.now,
        "settled_at": None,
        "first_ambiguous_at": func.coalesce(row.first_ambiguous_at, unit.now),  # what a person did meanwhile is unknown
    }
    found = await unit.session.scalars(
        update(row).where(which, row.state.in_(queries.GIVEN_UP)).values(again).returning(row.id)
    )
    redriven = found.all()
    for delivery_id in redriven:
        unit.audit("execute", "record_delivery", delivery_id)
    return len(redriven)


async def write_finding(unit: Unit, arrived: Arrived, finding: Finding | None) -> None:
    """What was seen in the record. What is missing there is on its way again, looked for first, if it is made again."""
    row = RecordDeliveryRow
    seen: dict[str, object] = {"seen_at": unit.now, "finding": finding}
    if finding is Finding.MISSING and arrived.made_again:
        seen |= {
            "state": DeliveryState.PENDING,
            "since": unit.now,
            "next_attempt_at": unit.now,
            "settled_at": None,
            "first_ambiguous_at": unit.now,
        }
    await unit.session.execute(
        update(row).where(row.id == arrived.delivery_id, row.state == DeliveryState.DELIVERED).values(seen)
    )


async def pass_over(unit: Unit, arrived: Arrived) -> None:
    """It could not be looked at: the others come first, and what was found of it before still holds."""
    row = RecordDeliveryRow
    await unit.session.execute(
        update(row).where(row.id == arrived.delivery_id, row.state == DeliveryState.DELIVERED).values(seen_at=unit.now)
    )


async def arrived_deliveries(
    unit: Unit, destination: str, profile: Profile, *, since: datetime, unseen_since: datetime, limit: int
) -> list[Arrived]:
    """What arrived at a destination after `since` and was not asked for after `unseen_since`, the longest ago first."""
    return [
        Arrived(DeliveryId(delivery_id), destination, subject, await _allowed(unit, destination, subject, profile))
        for delivery_id, subject in await queries.to_be_seen(
            unit, destination, profile, since=since, unseen_since=unseen_since, limit=limit
        )
    ]


async def _allowed(unit: Unit, destination: str, subject: Subject, profile: Profile) -> frozenset[str]:
    match subject:
        case SignedVersion(note_version_id):
            version = await notes.signed_version(unit, note_version_id)
            history = await notes.history(unit, version.note_id)
            there = await queries.arrived_versions(unit, destination, version.note_id)
            return expected(version.version, history, there, profile)
        case VisitPart(visit_id, resource_type):
            visit = await visits.find(unit, visit_id)
            return frozenset({written_status(resource_type, visit.status)})
        case never:
            assert_never(never)

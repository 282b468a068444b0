"""The next patient of the queue becomes a visit, at once and once."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from telehealth.access.rules import SCOPES
from telehealth.core.actors import Actor, Purpose, Role
from telehealth.core.ids import ClinicianId, VisitTypeId
from telehealth.core.time import parse_zone, tzdata_version
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.booking import queries as booking
from telehealth.visits.lifecycle import guests as parts
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.models import ParticipantRow
from telehealth.visits.lifecycle.parts import ParticipantKind, Step
from telehealth.visits.lifecycle.rules import Command, Visit, VisitStatus
from telehealth.visits.lifecycle.steps import begin
from telehealth.visits.participants import guests
from telehealth.visits.waiting_room import waiting
from telehealth.visits.waiting_room.models import QueueEntryRow
from telehealth.visits.waiting_room.queue import QueueEntry


async def take_next(unit: Unit, visit_type_id: VisitTypeId | None = None) -> Visit:
    """The clinician's next patient, as a visit that begins now: arrived when they are on their page, else booked.

    Its link is the one they have, and its time the clinician's own: no calendar refuses who is here. Raises
    NobodyWaits.
    """
    entry = await waiting.take_next(unit, visit_type_id)
    visit = await _visit_of(unit, entry)
    await begin(unit, Command.BOOK, [visit], facts={"time_free": True}, told=entry.verified_at is not None)
    await guests.invite(unit, visit, ParticipantKind.CLINICIAN, visit.clinician_id)
    await _invite_patient(unit, entry)
    if entry.verified_at is None:
        return visit
    return await lifecycle.arrive(as_patient(unit, entry), visit.id)


def as_patient(unit: Unit, entry: QueueEntry) -> Unit:
    """The same transaction, in which the patient acts who came by the entry's link."""
    patient = Actor(
        entry.participant_id,
        Role.PATIENT,
        SCOPES[Role.PATIENT],
        person_id=entry.patient_id,
        visit_id=entry.id,
        purpose=Purpose.PATIENT_REQUEST,
    )
    return replace(unit, actor=patient)


async def _visit_of(unit: Unit, entry: QueueEntry) -> Visit:
    kind = await booking.visit_type(unit, entry.visit_type_id)
    clinician = await people.clinician(unit, _taker(entry))
    ends_at = unit.now + timedelta(minutes=kind.minutes)
    return Visit(
        id=entry.id,
        patient_id=entry.patient_id,
        clinician_id=clinician.id,
        visit_type_id=kind.id,
        visit_type=kind.code,
        status=VisitStatus.BOOKED,
        starts_at=unit.now,
        ends_at=ends_at,
        opens_at=unit.now - timedelta(minutes=kind.opens_before),
        closes_at=ends_at + timedelta(minutes=kind.closes_after),
        time_zone=clinician.time_zone,
        revision=1,
        changed_at=unit.now,
        planned_location=entry.jurisdiction,
        team=(),
        tzdata=tzdata_version(),
        local_start=f"{unit.now.astimezone(parse_zone(clinician.time_zone)):%Y-%m-%dT%H:%M}",
        overbooked=True,
        grace=kind.grace,
        patient_no_show_after=kind.patient_no_show_after,
        provider_no_show_after=kind.provider_no_show_after,
        no_show_automatic=kind.no_show_automatic,
    )


def _taker(entry: QueueEntry) -> ClinicianId:
    if entry.taken_by is None:
        raise AssertionError("unreachable: it has just been taken")
    return entry.taken_by


async def _invite_patient(unit: Unit, entry: QueueEntry) -> UUID:
    """The patient takes part with the link they have, and with the wrong answers that were given at it."""
    row = QueueEntryRow
    kept = select(row.link_hash, row.link, row.attempts, row.locked_until).where(row.id == entry.id)
    link_hash, link, attempts, locked_until = (await unit.session.execute(kept)).one()
    values = {
        "id": entry.participant_id,
        "visit_id": entry.id,
        "role": ParticipantKind.PATIENT,
        "person_id": entry.patient_id,
        "link_hash": link_hash,
        "link": link,
        "attempts": attempts,
        "locked_until": locked_until,
        "verified_at": entry.verified_at,
    }
    await parts.invite(unit, [values])
    if entry.verified_at is not None:
        theirs = await unit.session.get_one(ParticipantRow, entry.participant_id)
        await parts.move(as_patient(unit, entry), theirs, Step.VERIFY, by=Role.SYSTEM)
    return entry.participant_id

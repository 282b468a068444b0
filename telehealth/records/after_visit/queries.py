"""Reading after-visit summaries: who gives the visit reads all of them, its patient and integrations the last."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Select, select

from telehealth.access import queries as access
from telehealth.access.rules import DataKind, NoGrant
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.records.after_visit.models import AfterVisitSummaryRow
from telehealth.records.after_visit.ports import PatientTasks
from telehealth.records.after_visit.rules import (
    Appointment,
    NothingSigned,
    Offer,
    Passage,
    Release,
    Standing,
    Task,
    in_force,
    read,
    standing,
)
from telehealth.records.charting import queries as charting
from telehealth.records.notes.amendments import Signed, words_of
from telehealth.records.notes.markdown import sections
from telehealth.records.notes.queries import authored_visit, history, history_of_visit, signed_version
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.lifecycle.service import open_visit
from telehealth.visits.participants import queries as participants

Row = AfterVisitSummaryRow


async def offer(unit: Unit, visit_id: UUID, tasks: PatientTasks, *, lock: bool = False) -> Offer:
    """What the clinician who gives the visit can release of it now; audited. With `lock` nothing is signed meanwhile.

    Raises NotFound, NothingSigned, NoteRetracted.
    """
    visit = await authored_visit(unit, visit_id)
    # The signatures come first: what is signed before the words are read makes the offer stale, never unnoticed.
    past = await history_of_visit(unit, visit.id, lock=lock)
    if not past:
        raise NothingSigned
    note = await charting.summary(unit, visit.id)
    latest = note.all[-1]
    spoken = (await people.clinician(unit, visit.clinician_id)).languages
    return Offer(
        note_version_id=past[-1].id,
        note_version=past[-1].version,
        in_force_id=latest.id,
        in_force=latest.version,
        passages=[
            Passage(each.version, section.title, section.text)
            for each in note.all
            for section in sections(words_of(each.text))
        ],
        appointments=await _appointments(unit, visit),
        tasks=[
            Task(each.id, str(each.kind), each.title, each.due_at) for each in await tasks.for_patient(unit, visit.id)
        ],
        language=next(iter(spoken), "en"),
        supervised=bool(await people.supervisors(unit, visit.clinician_id)),
    )


async def _appointments(unit: Unit, visit: Visit) -> list[Appointment]:
    ahead = await visits.booked_ahead(unit, visit.clinician_id, visit.patient_id)
    others = [each for each in ahead if each.id != visit.id]
    for each in others:
        unit.audit("read", "visit", each.id, patient_id=each.patient_id)
    return [Appointment(each.id, each.starts_at) for each in others]


async def releases(unit: Unit, visit_id: UUID) -> list[Release]:
    """What was released of a visit, the newest first, for the clinician who gives it; each audited. Raises NotFound."""
    visit = await authored_visit(unit, visit_id)
    rows = (await unit.session.scalars(_of_visit(visit.id))).all()
    return [await told(unit, row, newest=row is rows[0]) for row in rows]


async def latest(unit: Unit, visit_id: UUID) -> Release | None:
    """The newest release; whoever asks has looked at the actor's right already. Audited."""
    row = await unit.session.scalar(_of_visit(visit_id).limit(1))
    return None if row is None else await told(unit, row, newest=True)


async def own_summary(unit: Unit) -> Release:
    """The newest summary of the visit whose patient came by their own link; audited. Raises NotFound: when nothing was
    released, the time to read it is over, or whoever asks is not the patient themselves.
    """
    visit = await open_visit(unit, own_visit_id(unit))
    if unit.actor.role is not Role.PATIENT or unit.actor.id is None:
        raise NotFound
    reader = await participants.participant(unit, unit.actor.id)
    if reader.kind is not ParticipantKind.PATIENT or not reader.reads(unit.now):
        raise NotFound
    return _there(await latest(unit, visit.id))


async def granted_summary(unit: Unit, visit_id: UUID) -> Release:
    """The newest summary of a visit for an integration that has a grant for summaries of its patient; audited with the
    purpose of the grant. Raises NotFound, NoGrant without any such grant.

    The grant opens words: when visits are, and what is to be done, are other data and left out.
    """
    granted = await access.data_granted(unit, DataKind.SUMMARIES)
    patient_id = await unit.session.scalar(select(Row.patient_id).where(Row.visit_id == visit_id).limit(1))
    if patient_id is None:
        raise NotFound
    try:
        purpose = granted.purpose(PatientId(patient_id))
    except NoGrant:
        raise NotFound from None
    found = _there(await latest(access.acting_for(unit, purpose), visit_id))
    words = None if found.contents is None else replace(found.contents, appointments=(), tasks=())
    return replace(found, contents=words)


async def worth_reading(unit: Unit, summary_id: UUID) -> VisitId | None:
    """The visit of a summary that its patient is still to be told of: nothing newer is there, and the note is as it
    was. Ids alone leave no trace.
    """
    row = await unit.session.get_one(Row, summary_id)
    newest = await unit.session.scalar(_of_visit(row.visit_id).limit(1))
    signature = await signed_version(unit, row.note_version_id)
    stands = _standing(await history(unit, signature.note_id), signature.version, newest=newest is row)
    return VisitId(row.visit_id) if stands is Standing.CURRENT else None


def _there(release: Release | None) -> Release:
    if release is None:
        raise NotFound
    return release


def _of_visit(visit_id: UUID) -> Select[Row]:
    return select(Row).where(Row.visit_id == visit_id).order_by(Row.number.desc())


async def told(unit: Unit, row: Row, *, newest: bool) -> Release:
    """A row that the actor has already been allowed; audited."""
    signature = await signed_version(unit, row.note_version_id)
    past = await history(unit, signature.note_id)
    last = max(in_force(past, signature.version))
    source = next(each for each in past if each.version == last)
    stands = _standing(past, signature.version, newest=newest)
    unit.audit("read", "after_visit_summary", row.id, patient_id=row.patient_id)
    withdrawn = stands is Standing.WITHDRAWN
    return Release(
        id=row.id,
        visit_id=VisitId(row.visit_id),
        patient_id=PatientId(row.patient_id),
        clinician_id=ClinicianId(row.clinician_id),
        number=row.number,
        note_id=source.note_id,
        note_version=source.version,
        signed_at=source.signed_at,
        language=row.language,
        note_language=row.note_language,
        words_language=row.words_language,
        author_name=row.author_name,
        released_at=row.released_at,
        sha256=row.sha256,
        standing=stands,
        contents=None if withdrawn else read(unit.vault.open(place(row.id), row.content)),
    )


def _standing(past: Sequence[Signed], source: int, *, newest: bool) -> Standing:
    stands = standing(past, source)
    return Standing.SUPERSEDED if stands is Standing.CURRENT and not newest else stands


def place(summary_id: UUID) -> tuple[str, str, UUID]:
    """Where the contents of a summary are sealed for."""
    return ("after_visit_summary", "content", summary_id)

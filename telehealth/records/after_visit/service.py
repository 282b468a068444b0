"""Releasing a summary to the patient: from signed words alone, once for the same words."""

from uuid import UUID

from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.records.after_visit.events import SummaryReleased
from telehealth.records.after_visit.models import AfterVisitSummaryRow
from telehealth.records.after_visit.ports import PatientTasks
from telehealth.records.after_visit.queries import latest, offer, place, told
from telehealth.records.after_visit.rules import (
    READABLE_FOR,
    Contents,
    Offer,
    Release,
    Standing,
    Wanted,
    chosen,
    digest,
    written,
)
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.participants import guests


async def release(unit: Unit, visit_id: UUID, wanted: Wanted, tasks: PatientTasks) -> Release:
    """Give the patient that of the signed note. What is released already, word for word, is not released again.

    Raises NotFound, NothingSigned, NoteRetracted, NoteAmended when other words are signed than were read,
    WordsNotCosigned from a trainee, NotOnOffer, NothingToRelease.
    """
    on_offer = await offer(unit, visit_id, tasks, lock=True)
    visit = await visits.find(unit, visit_id, lock=True)
    contents = chosen(on_offer, wanted)
    await guests.keep_readable(unit, visit, unit.now + READABLE_FOR)
    before = await latest(unit, visit.id)
    sha256 = digest(on_offer.in_force_id, contents, wanted.note_language, wanted.words_language)
    if before is not None and before.sha256 == sha256 and before.standing is Standing.CURRENT:
        return before
    row = await _row(
        unit, visit, on_offer, wanted, contents=contents, number=1 if before is None else before.number + 1
    )
    row.sha256 = sha256
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "after_visit_summary", row.id, patient_id=row.patient_id)
    unit.emit(
        SummaryReleased(
            summary_id=row.id,
            visit_id=visit.id,
            patient_id=visit.patient_id,
            clinician_id=visit.clinician_id,
            number=row.number,
        )
    )
    return await told(unit, row, newest=True)


async def _row(
    unit: Unit, visit: Visit, on_offer: Offer, wanted: Wanted, *, contents: Contents, number: int
) -> AfterVisitSummaryRow:
    summary_id = unit.new_id()
    return AfterVisitSummaryRow(
        id=summary_id,
        visit_id=visit.id,
        patient_id=visit.patient_id,
        clinician_id=visit.clinician_id,
        note_version_id=on_offer.note_version_id,
        number=number,
        language=(await people.patient(unit, visit.patient_id)).language,
        note_language=wanted.note_language,
        words_language=wanted.words_language,
        content=unit.vault.seal(place(summary_id), written(contents)),
        author_name=(await people.clinician(unit, visit.clinician_id)).name,
        released_at=unit.now,
    )

"""What the day board shows of notes: the implementation of a lower floor's port."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, func, select

from telehealth.core.actors import Role
from telehealth.core.ids import PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.queries import GIVEN_UP
from telehealth.records.delivery.rules import DeliveryState
from telehealth.records.notes.models import NoteRow, NoteVersionRow

USUALLY_THERE_IN = timedelta(minutes=1)  # what is refused shows at once


@dataclass(frozen=True, slots=True)
class Late:
    visit_id: VisitId
    patient_id: PatientId
    signed_at: datetime
    reason: str | None


class NotesOnBoard:
    """`visits.ports.LateNotes`."""

    async def late(self, unit: Unit, /) -> list[Late]:
        if unit.actor.role is not Role.CLINICIAN:
            return []
        own = _late(unit).where(NoteRow.clinician_id == unit.actor.person_id)
        found = [
            Late(VisitId(visit), PatientId(patient), signed_at, reason)
            for visit, patient, _, signed_at, reason, _ in await unit.session.execute(own)
        ]
        for each in found:
            unit.audit("read", "visit", each.visit_id, patient_id=each.patient_id)
        return found

    async def late_marks(self, unit: Unit, /) -> dict[UUID, str]:
        marks: Mapping[UUID, list[str]] = defaultdict(list)
        for visit_id, _, clinician_id, _, reason, number in await unit.session.execute(_late(unit)):
            marks[clinician_id].append(f"{str(visit_id)[-12:]}{number}{reason or ''}")
        return {clinician_id: " ".join(words) for clinician_id, words in marks.items()}


def _late(unit: Unit) -> Select[UUID, UUID, UUID, datetime, str | None, int]:
    """By visit: whose, who signed it and first when, why something of it waits for a person, how much of it is late."""
    row = RecordDeliveryRow
    final_at = func.coalesce(NoteVersionRow.cosigned_at, NoteVersionRow.signed_at)
    signed, number = func.min(final_at), func.count()
    reason = func.min(row.reason).filter(row.state.in_(GIVEN_UP))
    late = row.state.in_(GIVEN_UP) | (final_at <= unit.now - USUALLY_THERE_IN)
    return (
        select(NoteRow.visit_id, NoteRow.patient_id, NoteRow.clinician_id, signed, reason, number)
        .join(NoteVersionRow, NoteVersionRow.note_id == NoteRow.id)
        .join(row, row.note_version_id == NoteVersionRow.id)
        .where(row.state != DeliveryState.DELIVERED, late)
        .group_by(NoteRow.visit_id, NoteRow.patient_id, NoteRow.clinician_id)
        .order_by(signed, NoteRow.visit_id)
    )

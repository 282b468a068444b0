"""Signed notes for tests."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from telehealth.core.ids import uuid7
from telehealth.records.delivery.ports import Document
from telehealth.records.delivery.rules import CLINICIAN_SYSTEM, VISIT_SYSTEM, Identifier
from telehealth.records.notes.rules import NoteKind

SIGNED_AT = datetime(2026, 3, 2, 15, 4, 5, tzinfo=UTC)


def a_document(
    patient: Identifier, *, text: str = "Progress note\n\nBetter. Ölbad, 5 µg, 血圧.\n", note_id: UUID | None = None
) -> Document:
    started_at = SIGNED_AT - timedelta(minutes=30)
    return Document(
        note_id=note_id or uuid7(SIGNED_AT),
        version=1,
        kind=NoteKind.PROGRESS,
        text=text,
        signed_at=SIGNED_AT,
        patient=patient,
        author=Identifier(CLINICIAN_SYSTEM, str(uuid7(SIGNED_AT))),
        author_name="Dr. Ada Example",
        visit=Identifier(VISIT_SYSTEM, str(uuid7(SIGNED_AT))),
        started_at=started_at,
        ended_at=started_at + timedelta(minutes=20),
        custodian="Example Clinic",
    )

"""Signed notes for tests."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from telehealth.core.ids import uuid7
from telehealth.records.delivery.ports import Document, VisitState
from telehealth.records.delivery.profiles import ResourceType
from telehealth.records.delivery.rules import CLINICIAN_SYSTEM, VISIT_SYSTEM, Identifier
from telehealth.records.notes.rules import NoteKind
from telehealth.visits.lifecycle.rules import VisitStatus

SIGNED_AT = datetime(2026, 3, 2, 15, 4, 5, tzinfo=UTC)


def a_visit(
    patient: Identifier, resource_type: ResourceType, status: VisitStatus = VisitStatus.ENDED, **other: Any
) -> VisitState:
    """A visit of twenty minutes, in the call from its third to its eighteenth, as it goes to the record."""
    starts_at = SIGNED_AT - timedelta(minutes=30)
    in_media = (starts_at + timedelta(minutes=3), starts_at + timedelta(minutes=18))
    known: dict[str, Any] = {
        "visit": Identifier(VISIT_SYSTEM, str(uuid7(SIGNED_AT))),
        "clinician": Identifier(CLINICIAN_SYSTEM, str(uuid7(SIGNED_AT))),
        "clinician_name": "Dr. Ada Example",
        "visit_type": "follow-up",
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(minutes=20),
        "in_media": in_media,
    }
    return VisitState(resource_type=resource_type, status=status, patient=patient, **known | other)


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

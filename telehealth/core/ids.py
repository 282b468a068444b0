"""Identifiers: UUIDv7 made in Python (RFC 9562, section 5.7), one NewType for each kind of thing."""

import secrets
from datetime import datetime
from typing import NewType
from uuid import UUID

AccountId = NewType("AccountId", UUID)
AlertId = NewType("AlertId", UUID)
ClinicianId = NewType("ClinicianId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
GrantId = NewType("GrantId", UUID)
IntegrationId = NewType("IntegrationId", UUID)
MessageId = NewType("MessageId", UUID)
NoteId = NewType("NoteId", UUID)
OfferId = NewType("OfferId", UUID)
ParticipantId = NewType("ParticipantId", UUID)
PatientId = NewType("PatientId", UUID)
RelatedPersonId = NewType("RelatedPersonId", UUID)
SeriesId = NewType("SeriesId", UUID)
TaskId = NewType("TaskId", UUID)
VisitId = NewType("VisitId", UUID)
VisitTypeId = NewType("VisitTypeId", UUID)
WaitlistEntryId = NewType("WaitlistEntryId", UUID)


def uuid7(now: datetime) -> UUID:
    """48 bits of milliseconds since the epoch, version, 74 random bits, variant: sorts by time of creation."""
    milliseconds = int(now.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return UUID(int=value)

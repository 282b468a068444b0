"""What happened to people."""

from dataclasses import dataclass

from telehealth.core.events import Event
from telehealth.core.ids import ClinicianId, PatientId, RelatedPersonId


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityEnded(Event):
    """Somebody may no longer act for a patient."""

    related_person_id: RelatedPersonId
    patient_id: PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorsReplaced(Event):
    """Others co-sign what that clinician signs, or nobody has to any more."""

    clinician_id: ClinicianId


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSet(Event):
    """Staff have written down where a patient is reached, anew or to confirm it: the mail address, the number."""

    patient_id: PatientId
    email: bool = True
    phone: bool = True

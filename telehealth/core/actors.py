"""Who acts, as what, and what for. Every use of patient data names an actor and a purpose."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    ANONYMOUS = "anonymous"
    PATIENT = "patient"
    GUEST = "guest"
    CLINICIAN = "clinician"
    FRONT_DESK = "front_desk"
    ADMIN = "admin"
    INTEGRATION = "integration"
    SYSTEM = "system"


STAFF = frozenset({Role.CLINICIAN, Role.FRONT_DESK, Role.SYSTEM})  # who acts for the clinic towards patients


class Scope(StrEnum):
    """What a credential may do. FHIR scopes follow SMART App Launch 2.2, section 3 (v2 syntax)."""

    SELF = "self"
    PATIENTS_FIND = "patients.find"
    PATIENTS_WRITE = "patients.write"
    CLINICIANS_READ = "clinicians.read"
    HOURS_WRITE = "hours.write"
    RESOURCES_WRITE = "resources.write"
    LICENCES_WRITE = "licences.write"
    SLOTS_READ = "slots.read"
    VISIT_TYPES_WRITE = "visit-types.write"
    VISITS_BOOK = "visits.book"
    VISITS_READ = "visits.read"
    VISITS_JOIN = "visits.join"
    VISITS_ATTEND = "visits.attend"
    VISITS_HOST = "visits.host"
    NOTES_WRITE = "notes.write"
    FOLLOW_UPS_WRITE = "follow-ups.write"
    SUMMARIES_READ = "summaries.read"
    ALERTS_WRITE = "alerts.write"
    INTEGRATIONS_WRITE = "integrations.write"
    FHIR_APPOINTMENT = "system/Appointment.rs"
    FHIR_APPOINTMENT_CREATE = "system/Appointment.c"
    FHIR_ENCOUNTER = "system/Encounter.rs"
    FHIR_DOCUMENT_REFERENCE = "system/DocumentReference.rs"
    FHIR_SCHEDULE = "system/Schedule.rs"
    FHIR_SLOT = "system/Slot.rs"
    FHIR_TASK = "system/Task.rs"
    FHIR_QUESTIONNAIRE = "system/Questionnaire.rs"
    FHIR_QUESTIONNAIRE_RESPONSE = "system/QuestionnaireResponse.rs"


BY_LINK = frozenset({Scope.VISITS_JOIN, Scope.VISITS_ATTEND})  # what nobody has an account for, only a personal link


class Purpose(StrEnum):
    """Purpose of use, HL7 v3 PurposeOfUse codes."""

    TREATMENT = "TREAT"
    OPERATIONS = "HOPERAT"
    PATIENT_REQUEST = "PATRQT"
    SYSTEM_ADMINISTRATION = "SYSADMIN"
    RESEARCH = "HRESCH"
    PAYMENT = "HPAYMT"


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is an account, participant or integration; `person_id` the clinician or patient behind it.

    `visit_id` is set for whoever came by a personal link: such an actor reaches that one visit and no other. With the
    role PATIENT they are the patient or act for the patient; a GUEST only takes part. For a clinician it is one visit
    more than their own, which they have been found to be allowed within one transaction.
    `elsewhere`: they have opened the same link on another device since, and go on there.
    `purpose` is what this one request is for; the operation sets it, and audit rows carry it.
    """

    id: UUID | None
    role: Role
    scopes: frozenset[Scope] = frozenset()
    person_id: UUID | None = None
    visit_id: UUID | None = None
    purpose: Purpose = Purpose.OPERATIONS
    elsewhere: bool = False


ANONYMOUS = Actor(None, Role.ANONYMOUS)
SYSTEM = Actor(None, Role.SYSTEM, frozenset(Scope))

"""The ways in to people."""

from uuid import UUID

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.operation import operation
from telehealth.http.schemas import Page
from telehealth.people import queries, service
from telehealth.people.licensing import Licence, Whereabouts
from telehealth.people.rules import Clinician, NotBornYet, PatientKnown, RelatedPerson, UnfitAuthority, UnfitSupervisor
from telehealth.people.schemas import (
    AddRelatedPerson,
    ClinicianView,
    Contact,
    FindPatients,
    Licences,
    Locations,
    PatientsFound,
    PatientView,
    RegisterPatient,
    RelatedPersonView,
    Supervisors,
)


async def register_patient(call: Call, body: RegisterPatient) -> PatientView:
    """Register a patient."""
    return PatientView.of(await call.run(service.register_patient, **body.model_dump()))


async def find_patients(call: Call, body: FindPatients) -> PatientsFound:
    """Find patients by name and date of birth; each one shown is in the audit log."""
    found = await call.run(queries.find_patients, body.name, body.birth_date)
    return PatientsFound(items=[PatientView.of(each) for each in found])


async def set_contact(call: Call, patient: UUID, body: Contact) -> PatientView:
    """Set where a patient is reached; messages that found no way there do from now on."""
    return PatientView.of(await call.run(service.set_contact, PatientId(patient), **body.model_dump()))


async def list_related_persons(call: Call, patient: UUID) -> Page[RelatedPersonView]:
    """Everyone who may act for a patient, or did or will."""
    found = await call.run(_related_persons, PatientId(patient))
    return Page(items=[RelatedPersonView.of(each) for each in found], next=None)


async def add_related_person(call: Call, patient: UUID, body: AddRelatedPerson) -> RelatedPersonView:
    """Let somebody act for a patient."""
    authority = service.Authority(**body.model_dump())
    return RelatedPersonView.of(await call.run(service.add_related_person, PatientId(patient), authority))


async def end_related_person(call: Call, person: UUID) -> RelatedPersonView:
    """Take back that somebody may act for a patient; their sessions end."""
    return RelatedPersonView.of(await call.run(service.end_related_person, person))


async def list_clinicians(call: Call) -> Page[ClinicianView]:
    """Everyone who gives visits."""
    found = await call.run(queries.clinicians)
    return Page(items=[ClinicianView.of(each) for each in found], next=None)


async def read_licences(call: Call, clinician: UUID) -> Licences:
    """Where a clinician is licensed, by jurisdiction and local date there."""
    return Licences.of(await call.run(_licences, ClinicianId(clinician)))


async def replace_licences(call: Call, clinician: UUID, body: Licences) -> Licences:
    """Set where a clinician is licensed; what is not in the list ends."""
    clinician_id = ClinicianId(clinician)
    licences = [each.licence(clinician_id) for each in body.items]
    return Licences.of(await call.run(service.replace_licences, clinician_id, licences))


async def read_supervisors(call: Call, clinician: UUID) -> Page[ClinicianView]:
    """Who co-signs what this clinician signs; nobody, unless they are a trainee."""
    found = await call.run(_supervisors, ClinicianId(clinician))
    return Page(items=[ClinicianView.of(each) for each in found], next=None)


async def replace_supervisors(call: Call, clinician: UUID, body: Supervisors) -> Page[ClinicianView]:
    """Name who co-signs what this clinician signs: with anybody in the list they are a trainee."""
    named = [ClinicianId(each) for each in body.items]
    found = await call.run(service.replace_supervisors, ClinicianId(clinician), named)
    return Page(items=[ClinicianView.of(each) for each in found], next=None)


async def read_locations(call: Call, patient: UUID) -> Locations:
    """Where a patient told to be."""
    return Locations.of(await call.run(_locations, PatientId(patient)))


async def replace_locations(call: Call, patient: UUID, body: Locations) -> Locations:
    """Set where the patient says they will be. What was told before is kept as evidence and counts no more."""
    places = [each.whereabouts() for each in body.items]
    return Locations.of(await call.run(service.replace_whereabouts, PatientId(patient), places))


async def _related_persons(unit: Unit, patient_id: PatientId) -> list[RelatedPerson]:
    patient = await queries.patient(unit, patient_id)
    unit.audit("read", "related_person", None, patient_id=patient.id)
    return await queries.related_persons(unit, patient.id)


async def _licences(unit: Unit, clinician_id: ClinicianId) -> list[Licence]:
    clinician = await queries.clinician(unit, clinician_id)
    return await queries.licences(unit, clinician.id)


async def _supervisors(unit: Unit, clinician_id: ClinicianId) -> list[Clinician]:
    clinician = await queries.clinician(unit, clinician_id)
    return await queries.supervisors(unit, clinician.id)


async def _locations(unit: Unit, patient_id: PatientId) -> list[Whereabouts]:
    patient = await queries.patient(unit, patient_id)
    unit.audit("read", "patient_location", patient.id, patient_id=patient.id)
    return await queries.whereabouts(unit, patient.id)


LICENCES, LOCATIONS = "/v1/clinicians/{clinician:uuid}/licences", "/v1/patients/{patient:uuid}/locations"
SUPERVISORS = "/v1/clinicians/{clinician:uuid}/supervisors"
RELATED = "/v1/patients/{patient:uuid}/related-persons"
_BOOK, _CARE, _UNKNOWN = Scope.VISITS_BOOK, Purpose.TREATMENT, (NotFound,)
OPERATIONS = (
    operation(
        "POST",
        "/v1/patients",
        register_patient,
        needs=Scope.PATIENTS_WRITE,
        status=201,
        errors=(PatientKnown, NotBornYet),
    ),
    operation("POST", "/v1/patients/search", find_patients, needs=Scope.PATIENTS_FIND),
    operation("PUT", "/v1/patients/{patient:uuid}/contact", set_contact, needs=Scope.PATIENTS_WRITE, errors=_UNKNOWN),
    operation("GET", RELATED, list_related_persons, needs=_BOOK, purpose=_CARE, errors=_UNKNOWN),
    operation(
        "POST",
        RELATED,
        add_related_person,
        needs=Scope.PATIENTS_WRITE,
        status=201,
        errors=(NotFound, UnfitAuthority),
    ),
    operation(
        "POST",
        "/v1/related-persons/{person:uuid}/end",
        end_related_person,
        needs=Scope.PATIENTS_WRITE,
        errors=_UNKNOWN,
    ),
    operation("GET", "/v1/clinicians", list_clinicians, needs=Scope.CLINICIANS_READ),
    operation("GET", LICENCES, read_licences, needs=Scope.CLINICIANS_READ, errors=_UNKNOWN),
    operation("PUT", LICENCES, replace_licences, needs=Scope.LICENCES_WRITE, errors=_UNKNOWN),
    operation("GET", SUPERVISORS, read_supervisors, needs=Scope.CLINICIANS_READ, errors=_UNKNOWN),
    operation("PUT", SUPERVISORS, replace_supervisors, needs=Scope.LICENCES_WRITE, errors=(NotFound, UnfitSupervisor)),
    operation("GET", LOCATIONS, read_locations, needs=_BOOK, purpose=_CARE, errors=_UNKNOWN),
    operation("PUT", LOCATIONS, replace_locations, needs=_BOOK, purpose=_CARE, errors=_UNKNOWN),
)

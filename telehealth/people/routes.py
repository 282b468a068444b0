"""The ways in to people."""

from telehealth.core.actors import Scope
from telehealth.http.call import Call
from telehealth.http.operation import operation
from telehealth.http.schemas import Page
from telehealth.people import queries, service
from telehealth.people.rules import NotBornYet, PatientKnown
from telehealth.people.schemas import ClinicianView, FindPatients, PatientsFound, PatientView, RegisterPatient


async def register_patient(call: Call, body: RegisterPatient) -> PatientView:
    """Register a patient."""
    return PatientView.of(await call.run(service.register_patient, **body.model_dump()))


async def find_patients(call: Call, body: FindPatients) -> PatientsFound:
    """Find patients by name and date of birth; each one shown is in the audit log."""
    found = await call.run(queries.find_patients, body.name, body.birth_date)
    return PatientsFound(items=[PatientView.of(each) for each in found])


async def list_clinicians(call: Call) -> Page[ClinicianView]:
    """Everyone who gives visits."""
    found = await call.run(queries.clinicians)
    return Page(items=[ClinicianView.of(each) for each in found], next=None)


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
    operation("GET", "/v1/clinicians", list_clinicians, needs=Scope.CLINICIANS_READ),
)

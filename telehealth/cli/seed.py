"""The demo's clinic: made-up people in several zones and languages, a visit to join now, an integration.

Run by `telehealth demo` once everything is ready: `python -m telehealth.cli.seed --state DIR --ready-file FILE`.
"""

import asyncio
import json
import secrets
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from carebundle import generate_bundle
from joserfc.jwk import ECKey
from rich.console import Console
from rich.progress import track

from telehealth.access import service as access
from telehealth.access.rules import DataKind, Everyone
from telehealth.bootstrap import House, open_house
from telehealth.cli.asked import CONSENT, QUESTIONNAIRE
from telehealth.cli.state import write_private
from telehealth.core.actors import SYSTEM, Purpose, Role, Scope
from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.core.time import SystemClock
from telehealth.db.unit import Unit
from telehealth.people import queries as people_read
from telehealth.people import service as people
from telehealth.people.rules import Clinician, Patient
from telehealth.records.delivery.backend_services import BackendServices, read_key
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import Rule, WeeklyHours
from telehealth.scheduling.booking import queries as scheduling_read
from telehealth.scheduling.booking import service as scheduling
from telehealth.scheduling.booking.rules import Asked, VisitType
from telehealth.settings.environment import read_settings
from telehealth.settings.house import Settings
from telehealth.tasks.outbound import NoAnswer, NotSent, open_client
from telehealth.visits.appointments import service as visits
from telehealth.visits.gates import service as gates

console = Console(highlight=False, soft_wrap=True)
ALWAYS = tuple(Rule(weekday, 0, 24 * 60) for weekday in range(1, 8))
OFFICE = tuple(Rule(weekday, 9 * 60, 17 * 60) for weekday in range(1, 6))
CLINICIANS = (
    ("Dr.", "Amara", "Okafor", "America/Chicago", ("en", "fr"), ALWAYS),
    ("Dr.", "Lucía", "Ferreyra", "America/Bogota", ("es", "en"), OFFICE),
    ("Dr.", "Yusuf", "Haddad", "Europe/Berlin", ("ar", "en"), OFFICE),
)
PLACES = (
    ("es", "America/Mexico_City"),
    ("en", "America/Anchorage"),
    ("fr", "Europe/Paris"),
    ("ar", "Africa/Cairo"),
    ("en", "Asia/Kolkata"),
    ("es", "Europe/Madrid"),
)
SCOPES = (
    Scope.SUMMARIES_READ,
    Scope.FHIR_APPOINTMENT,
    Scope.FHIR_APPOINTMENT_CREATE,
    Scope.FHIR_ENCOUNTER,
    Scope.FHIR_DOCUMENT_REFERENCE,
    Scope.FHIR_SCHEDULE,
    Scope.FHIR_SLOT,
    Scope.FHIR_TASK,
    Scope.FHIR_QUESTIONNAIRE,
    Scope.FHIR_QUESTIONNAIRE_RESPONSE,
)
CLINICIAN_EMAIL, DESK_EMAIL, ADMIN_EMAIL = "okafor@clinic.example", "desk@clinic.example", "admin@clinic.example"
CREDENTIAL = "integration.json"
VISIT_TYPE = VisitType(
    id=VisitTypeId(UUID("01980000-0000-7000-8000-000000000001")),
    code="video",
    name="Video visit",
    minutes=20,
    grid=5,
    opens_before=12 * 60,  # whoever tries it need not wait for the hour
)


def person(number: int) -> dict[str, Any]:
    """A made-up FHIR Patient, always the same for a number."""
    bundle = generate_bundle(profile="type2_diabetes", seed=number).model_dump(mode="json", exclude_none=True)
    resources = (entry["resource"] for entry in bundle["entry"])
    found: dict[str, Any] = next(each for each in resources if each["resourceType"] == "Patient")
    return found


async def seed(unit: Unit, passwords: dict[str, str], public_key: dict[str, Any]) -> str:
    """Clinic, staff, hours, patients, integration with a grant, in one transaction. Answers the client id."""
    await people.set_clinic(unit, name="Riverbend Clinic", phone="+1 507 555 0100", time_zone="America/Chicago")
    await scheduling.add_visit_type(unit, VISIT_TYPE)
    await gates.publish_text(unit, visit_type_id=VISIT_TYPE.id, jurisdiction=None, texts=CONSENT)
    await gates.publish_questionnaire(unit, VISIT_TYPE.id, QUESTIONNAIRE)
    clinicians = [await _add_clinician(unit, *each) for each in CLINICIANS]
    for number, (language, zone) in enumerate(PLACES, start=1):
        await _add_patient(unit, person(number), language, zone)
    await access.create_account(
        unit,
        email=CLINICIAN_EMAIL,
        password=passwords[CLINICIAN_EMAIL],
        role=Role.CLINICIAN,
        person_id=clinicians[0].id,
    )
    await access.create_account(unit, email=DESK_EMAIL, password=passwords[DESK_EMAIL], role=Role.FRONT_DESK)
    admin = await access.create_account(unit, email=ADMIN_EMAIL, password=passwords[ADMIN_EMAIL], role=Role.ADMIN)
    integration = await access.add_integration(
        unit, name="Population health", scopes=SCOPES, jwks={"keys": [public_key]}
    )
    await access.grant(
        unit,
        integration_id=integration.id,
        purpose=Purpose.OPERATIONS,
        data_kinds=list(DataKind),
        patients=Everyone.EVERYONE,
        valid_until=unit.now + timedelta(days=365),
        approved_by=admin.id,
    )
    return str(integration.id)


async def _add_clinician(  # noqa: PLR0917 -- the columns of the table above
    unit: Unit, prefix: str, given: str, family: str, zone: str, languages: tuple[str, ...], windows: tuple[Rule, ...]
) -> Clinician:
    email = f"{family.lower()}@clinic.example"
    clinician = await people.add_clinician(
        unit, given=given, family=family, prefix=prefix, email=email, time_zone=zone, languages=languages
    )
    await availability.publish_hours(unit, clinician.id, WeeklyHours(zone, windows))
    return clinician


async def _add_patient(unit: Unit, resource: dict[str, Any], language: str, zone: str) -> Patient:
    name, identifier = resource["name"][0], resource["identifier"][0]
    return await people.register_patient(
        unit,
        given=name["given"][0],
        family=name["family"],
        birth_date=date.fromisoformat(resource["birthDate"]),
        identifier=f"{identifier['system']}|{identifier['value']}",
        language=language,
        time_zone=zone,
        email=f"{name['given'][0]}.{name['family']}@patient.example".lower(),
    )


async def book_soon(unit: Unit) -> tuple[str, Patient, datetime]:
    """A visit of the first patient with the first clinician at the next free time: its link secret, patient, start."""
    resource = person(1)
    birth_date = date.fromisoformat(resource["birthDate"])
    (patient,) = await people_read.find_patients(unit, resource["name"][0]["family"], birth_date)
    clinician = next(each for each in await people_read.clinicians(unit) if each.email == CLINICIAN_EMAIL)
    asked = Asked(visit_type_id=VISIT_TYPE.id, clinician_ids=[clinician.id], patient_id=patient.id)
    (slot,) = await scheduling_read.search(unit, asked, Interval(unit.now, unit.now + timedelta(days=1)), 1)
    booked = await visits.book(
        unit, patient_id=patient.id, clinician_id=clinician.id, visit_type_id=VISIT_TYPE.id, start=slot.start
    )
    return booked.link_secret, patient, booked.visit.starts_at


async def _register_in_record(settings: Settings) -> None:
    """The same people in the record service, so that notes find their patient there."""
    key = settings.record_private_key
    if key is None:
        return
    async with open_client() as outbound:
        services = BackendServices(
            outbound,
            settings.record_service_url,
            client_id=settings.record_client_id,
            key=read_key(key.get_secret_value()),
            clock=SystemClock(),
            scopes="system/Patient.cruds",
        )
        headers = {"Authorization": f"Bearer {await services.token()}", "Content-Type": "application/fhir+json"}
        numbers = range(1, len(PLACES) + 1)
        for number in track(numbers, "people for the record service", console=console, transient=True):
            resource = person(number)
            identifier = resource["identifier"][0]
            condition = {"If-None-Exist": f"identifier={identifier['system']}|{identifier['value']}"}
            await outbound.send(
                "POST",
                f"{settings.record_service_url}/Patient",
                headers=headers | condition,
                content=json.dumps(resource).encode(),
            )


async def run(settings: Settings, state: Path, ready: dict[str, Any]) -> None:
    """Seed what is not there yet, book a visit that can be joined now, and say what to try."""
    async with open_house(settings) as house:
        if not (await house.unit_of_work.run(people_read.clinicians)):
            await _seed_once(house, settings, state)
        secret, patient, starts_at = await house.unit_of_work.run(book_soon)
    web = ready["addresses"]["web"]
    token = f"{sys.executable} -m telehealth token {state / CREDENTIAL}"
    console.print(f"""
[bold]Patient[/]     {web}/join/{secret}
            born {patient.birth_date.isoformat()} · visit at {starts_at:%H:%M} UTC, open now
[bold]Clinician[/]   {web}/day
[bold]Front desk[/]  {web}/book
[bold]Mailbox[/]     {ready["addresses"].get("mailbox", "your mail server")}
[bold]Summaries[/]   curl -H "Authorization: Bearer $({token})" {web}/v1/summaries
""")


async def _seed_once(house: House, settings: Settings, state: Path) -> None:
    passwords = {email: secrets.token_urlsafe(12) for email in (CLINICIAN_EMAIL, DESK_EMAIL, ADMIN_EMAIL)}
    key = ECKey.generate_key("P-384", parameters={"use": "sig", "alg": "ES384"}, auto_kid=True)
    client_id = await house.unit_of_work.run(seed, SYSTEM, passwords, key.as_dict(private=False))
    credential = {
        "fhir_url": f"{settings.public_url}/fhir",
        "client_id": client_id,
        "scope": " ".join(SCOPES),
        "private_key": key.as_dict(private=True),
    }
    write_private(state / CREDENTIAL, json.dumps(credential, indent=2))
    await _register_in_record(settings)
    console.print("\n[bold]Passwords, shown this once[/]")
    for email, password in passwords.items():
        console.print(f"  {email:26} {password}")


def main(
    state: Annotated[Path, typer.Option()],
    ready_file: Annotated[Path, typer.Option()],
) -> None:
    """Run by `telehealth demo`; settings come from the environment."""
    try:
        asyncio.run(run(read_settings(), state, json.loads(ready_file.read_text())))
    except (NotSent, NoAnswer) as error:
        console.print(f"The record service did not take the demo's people: {error}", style="red")
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)

"""Registering people, where clinicians are licensed, and where patients say they will be."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, false, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.people.events import AuthorityEnded, ContactSet, SupervisorsReplaced
from telehealth.people.jurisdictions import zones_of
from telehealth.people.licensing import Licence, UnfitDates, UnfitPlace, Whereabouts, dates_there
from telehealth.people.models import (
    ClinicianRow,
    ClinicRow,
    LicenceRow,
    PatientLocationRow,
    PatientRow,
    RelatedPersonRow,
    SupervisionRow,
)
from telehealth.people.queries import to_clinician, to_patient, to_related_person
from telehealth.people.rules import (
    Clinic,
    Clinician,
    ContactSystem,
    NotBornYet,
    Patient,
    RelatedPerson,
    Relationship,
    UnfitAuthority,
    UnfitSupervisor,
    is_identifier,
    of_age,
    own_identifier,
    words,
)

OF_MINORS = frozenset({Relationship.PARENT, Relationship.GUARDIAN})


async def register_patient(  # noqa: PLR0913 -- one argument for each field a registration form has
    unit: Unit,
    *,
    given: str,
    family: str,
    birth_date: date,
    identifier: str | None = None,
    language: str = "en",
    time_zone: str = "UTC",
    email: str | None = None,
    phone: str | None = None,
) -> Patient:
    """`identifier` is "system|value" of the record service; without one the patient gets a number of our own.

    Raises PatientKnown when it is taken, NotBornYet, ValueError for a malformed identifier or an unknown zone.
    """
    if birth_date > (unit.now + timedelta(days=1)).date():  # it may be tomorrow already where they are
        raise NotBornYet
    new_id = unit.new_id()
    row = PatientRow(
        id=new_id,
        identifier=_checked_identifier(identifier) if identifier else own_identifier(new_id),
        given=given,
        family=family,
        birth_date=birth_date,
        language=language,
        time_zone=parse_zone(time_zone).key,
        email=email,
        phone=phone,
        registered_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "patient", new_id, patient_id=new_id)
    return to_patient(row)


async def register_unless_known(
    unit: Unit, /, *, but: Collection[UUID] = (), given: str, family: str, birth_date: date, **rest: Any
) -> Patient | list[Patient]:
    """A new patient; or those of that name and birth date who are here already, unless all of them are known to be
    somebody else (`but`). Raises like `register_patient`.
    """
    name = f"{given} {family}"
    # of two who register the same person at once, the second sees the first's
    told = f"{birth_date} {' '.join(sorted(words(name)))}"
    await unit.session.execute(select(func.pg_advisory_xact_lock(func.hashtext("patient"), func.hashtext(told))))
    known = await people.find_patients(unit, name, birth_date)
    if {each.id for each in known}.difference(but):
        return known
    return await register_patient(unit, given=given, family=family, birth_date=birth_date, **rest)


async def set_contact(
    unit: Unit,
    patient_id: PatientId,
    *,
    email: str | None,
    phone: str | None,
    confirmed: Collection[ContactSystem] = (),
    seen: tuple[str | None, str | None] | None = None,
) -> Patient:
    """Where the patient is reached from now on; what they have `confirmed` counts as new.

    `seen` is the mail address and the number that were shown to who changes them. Raises NotFound, Stale.
    """
    row = PatientRow
    found = select(row).where(row.id == patient_id).with_for_update(key_share=True)
    locked = await unit.session.scalar(found.execution_options(populate_existing=True))
    if locked is None:
        raise NotFound
    patient = to_patient(locked)
    if seen not in (None, (patient.email, patient.phone)):
        raise Stale
    await unit.session.execute(update(row).where(row.id == patient.id).values(email=email, phone=phone))
    unit.audit("update", "patient", patient.id, patient_id=patient.id)
    anew = {
        "email": email != patient.email or ContactSystem.EMAIL in confirmed,
        "phone": phone != patient.phone or ContactSystem.PHONE in confirmed,
    }
    unit.emit(ContactSet(patient_id=patient.id, **anew))
    return replace(patient, email=email, phone=phone)


async def add_clinician(
    unit: Unit,
    *,
    given: str,
    family: str,
    email: str,
    prefix: str = "",
    time_zone: str = "UTC",
    languages: Sequence[str] = ("en",),
) -> Clinician:
    """Raises ValueError for an unknown zone."""
    row = ClinicianRow(
        id=unit.new_id(),
        given=given,
        family=family,
        prefix=prefix,
        email=email,
        time_zone=parse_zone(time_zone).key,
        languages=list(languages),
        added_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "clinician", row.id)
    return to_clinician(row)


async def replace_supervisors(
    unit: Unit, clinician_id: ClinicianId, supervisor_ids: Collection[UUID], *, over: Collection[UUID] | None = None
) -> list[Clinician]:
    """These and no others co-sign what that clinician signs, who is a trainee as long as there is one.

    `over` are those who were named as far as who decides this knew. Raises NotFound, UnfitSupervisor, and Stale when
    others are by now.
    """
    wanted = set(supervisor_ids)
    row, everyone = SupervisionRow, {clinician_id, *wanted}
    # One after the other, so that two who are named for each other at once are seen.
    locked = select(ClinicianRow.id).where(ClinicianRow.id.in_(everyone)).order_by(ClinicianRow.id).with_for_update()
    if len((await unit.session.scalars(locked)).all()) < len(everyone):
        raise NotFound
    if over is not None and {each.id for each in await people.supervisors(unit, clinician_id)} != set(over):
        raise Stale
    other = or_(row.trainee_id.in_(wanted), row.supervisor_id == clinician_id if wanted else false())
    if clinician_id in wanted or await unit.session.scalar(select(row.trainee_id).where(other).limit(1)) is not None:
        raise UnfitSupervisor
    await unit.session.execute(delete(row).where(row.trainee_id == clinician_id))
    unit.session.add_all(row(trainee_id=clinician_id, supervisor_id=each, since=unit.now) for each in wanted)
    await unit.session.flush()
    unit.audit("update", "supervision", clinician_id)
    unit.emit(SupervisorsReplaced(clinician_id=clinician_id))
    return await people.supervisors(unit, clinician_id)


async def set_clinic(unit: Unit, *, name: str, phone: str, time_zone: str) -> Clinic:
    """Raises ValueError for an unknown zone."""
    named = Clinic(name, phone, parse_zone(time_zone).key)
    values = {"name": named.name, "phone": named.phone, "time_zone": named.time_zone}
    await unit.session.execute(
        insert(ClinicRow).values(id=1, **values).on_conflict_do_update(index_elements=[ClinicRow.id], set_=values)
    )
    unit.audit("update", "clinic", None)
    return named


def _checked_identifier(text: str) -> str:
    if not is_identifier(text):
        raise ValueError("an identifier is written system|value")
    return text


# Who may act for a patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What is written down of somebody who may act for a patient; see `RelatedPerson`. `begins_at` None is now."""

    given: str
    family: str
    relationship: Relationship
    email: str | None = None
    phone: str | None = None
    language: str = "en"
    may_join: bool = True
    may_book: bool = False
    begins_at: datetime | None = None
    ends_at: datetime | None = None


async def add_related_person(unit: Unit, patient_id: PatientId, authority: Authority) -> RelatedPerson:
    """Somebody may act for the patient from now on. What a parent or guardian may do for a minor ends when the
    patient comes of age, if no earlier end is given. Raises NotFound, UnfitAuthority.
    """
    patient = await people.patient(unit, patient_id)
    begins = authority.begins_at or unit.now
    ends = _end_of(authority, patient, begins)
    if ends is not None and ends <= begins:
        raise UnfitAuthority
    values = {**asdict(authority), "begins_at": begins, "ends_at": ends}
    row = RelatedPersonRow(id=unit.new_id(), patient_id=patient.id, added_at=unit.now, **values)
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "related_person", row.id, patient_id=patient.id)
    return to_related_person(row)


def _end_of(authority: Authority, patient: Patient, begins: datetime) -> datetime | None:
    zone = parse_zone(patient.time_zone)
    grown = datetime.combine(of_age(patient.birth_date), time(), zone).astimezone(UTC)
    if authority.relationship not in OF_MINORS or grown <= begins:
        return authority.ends_at
    return min(authority.ends_at or grown, grown)


async def end_related_person(unit: Unit, person_id: UUID) -> RelatedPerson:
    """They may no longer act, from now on. Ending it again changes nothing. Raises NotFound."""
    person = await people.related_person(unit, person_id)
    if person.ends_at is None or person.ends_at > unit.now:
        row = RelatedPersonRow
        ends = max(unit.now, person.begins_at)
        await unit.session.execute(update(row).where(row.id == person.id).values(ends_at=ends))
        unit.audit("update", "related_person", person.id, patient_id=person.patient_id)
        unit.emit(AuthorityEnded(related_person_id=person.id, patient_id=person.patient_id))
    return await people.related_person(unit, person_id)


# Licences and whereabouts


async def replace_licences(unit: Unit, clinician_id: ClinicianId, licences: Sequence[Licence]) -> list[Licence]:
    """These and no others, of whichever clinician each of them names. Raises NotFound, UnfitDates, UnfitPlace."""
    clinician = await people.clinician(unit, clinician_id)
    await unit.session.execute(delete(LicenceRow).where(LicenceRow.clinician_id == clinician.id))
    for licence in licences:
        _add_licence(unit, replace(licence, clinician_id=clinician.id))
    unit.audit("update", "licence", clinician.id)
    return await people.licences(unit, clinician.id)


async def add_licence(unit: Unit, licence: Licence) -> list[Licence]:
    """One more; the answer has them all. Raises NotFound, UnfitDates, UnfitPlace."""
    clinician = await people.clinician(unit, licence.clinician_id)
    _add_licence(unit, licence)
    unit.audit("create", "licence", clinician.id)
    return await people.licences(unit, clinician.id)


async def attest(unit: Unit, patient_id: PatientId, place: Whereabouts) -> None:
    """The patient, or staff who asked them, say where they will be; on those dates it counts before what was told
    earlier. Raises NotFound, UnfitDates, UnfitPlace.
    """
    patient = await people.patient(unit, patient_id)
    await unit.session.execute(insert(PatientLocationRow), _told(unit, patient.id, place))
    unit.audit("create", "patient_location", patient.id, patient_id=patient.id)


async def attest_at(unit: Unit, patient_id: PatientId, jurisdiction: str, at: datetime) -> None:
    """The patient is, or will be, there at that instant: told for its local date. Raises like `attest`."""
    _checked_place(jurisdiction)
    await attest(unit, patient_id, Whereabouts(jurisdiction, *dates_there(jurisdiction, at)))


async def replace_whereabouts(unit: Unit, patient_id: PatientId, places: Sequence[Whereabouts]) -> list[Whereabouts]:
    """These and no others; of two that overlap the later in the list counts. What was told before stays on record as
    withdrawn. Raises NotFound, UnfitDates, UnfitPlace.
    """
    patient = await people.patient(unit, patient_id)
    if await people.whereabouts(unit, patient.id) != list(places):
        row = PatientLocationRow
        standing = update(row).where(row.patient_id == patient.id, row.withdrawn_at.is_(None))
        await unit.session.execute(standing.values(withdrawn_at=unit.now))
        for place in places:
            await unit.session.execute(insert(row), _told(unit, patient.id, place))
    unit.audit("update", "patient_location", patient.id, patient_id=patient.id)
    return list(places)


def _add_licence(unit: Unit, licence: Licence) -> None:
    _checked(licence)
    unit.session.add(
        LicenceRow(
            id=unit.new_id(),
            clinician_id=licence.clinician_id,
            jurisdiction=licence.jurisdiction,
            first=licence.first,
            last=licence.last,
            added_at=unit.now,
        )
    )


def _told(unit: Unit, patient_id: PatientId, place: Whereabouts) -> dict[str, Any]:
    _checked(place)
    return {
        "id": unit.new_id(),
        "patient_id": patient_id,
        "jurisdiction": place.jurisdiction,
        "first": place.first,
        "last": place.last,
        "attested_at": unit.now,
        "attested_by": unit.actor.role,
    }


def _checked(told: Licence | Whereabouts) -> None:
    _checked_place(told.jurisdiction)
    if told.first and told.last and told.last < told.first:
        raise UnfitDates


def _checked_place(jurisdiction: str) -> None:
    try:
        zones_of(jurisdiction)
    except ValueError:
        raise UnfitPlace from None

"""What nobody should ask, and what a crowd asks: no overflow, no wait without end, never more than four statements."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.core.minutes import minutes_of
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.people.licensing import Licence, Whereabouts
from telehealth.scheduling.availability import queries as availability_queries
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import Resource, ResourceEntry, Rule, WeeklyHours, to_minute
from telehealth.scheduling.booking import queries, service
from telehealth.scheduling.booking.offered import DAYS_REMEMBERED, KINDS_REMEMBERED, interned, offered_on, offers
from telehealth.scheduling.booking.rules import (
    Asked,
    CalendarBusy,
    InvalidVisitType,
    NotOffered,
    Occupied,
    PatientConflict,
    Reason,
    RoleNeed,
    SlotRefused,
    SlotTaken,
    TooFar,
    TooSoon,
    VisitType,
    Wanted,
    check_visit_type,
)
from telehealth.scheduling.booking.schemas import DaysQuery, VisitTypeForm, VisitTypeView
from tests.kit.clinic import TUESDAY_NINE, Clinic, open_clinic, register
from tests.kit.statements import statements

MOST = 4
EVERYTHING: dict[str, Any] = {
    "roles": (RoleNeed("interpreter", skill="es"), RoleNeed("room", count=2)),
    "cap_per_day": 5,
    "cap_per_week": 20,
    "needs_licence": True,
    "buffer_before": 5,
}
LAST, FIRST = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)


async def _staffed(unit: Unit, clinicians: int = 100) -> tuple[Clinic, list[ClinicianId], list[VisitType]]:
    clinic = await open_clinic(unit)
    week = WeeklyHours("America/Chicago", tuple(Rule(weekday, 9 * 60, 17 * 60) for weekday in range(1, 6)))
    ids = [clinic.clinician.id]
    for number in range(clinicians - 1):
        who = await people.add_clinician(
            unit, given="G", family="O", prefix="", email=f"g{number}@clinic.example", time_zone="America/Chicago"
        )
        await availability.publish_hours(unit, who.id, week)
        ids.append(who.id)
    for kind, skills in (("interpreter", {"es"}), ("room", set()), ("room", set())):
        entry = ResourceEntry(id=unit.new_id(), kind=kind, name="R", time_zone="UTC", skills=frozenset(skills))
        await availability.publish_hours(unit, (await availability.add_resource(unit, entry)).id, week)
    for each in ids:
        await people.add_licence(unit, Licence(each, "US-MN"))
    await people.attest(unit, clinic.patient.id, Whereabouts("US-MN"))
    kinds = [
        VisitType(id=VisitTypeId(unit.new_id()), code=code, name=code, minutes=20, grid=20, **parts)
        for code, parts in {"all": EVERYTHING, "seats": {**EVERYTHING, "seats": 3}, "plain": {}}.items()
    ]
    for added in kinds:
        await service.add_visit_type(unit, added)
    return clinic, ids, kinds


async def test_at_most_four_statements(unit_of_work: UnitOfWork) -> None:
    """Whatever is asked, by a process that has just begun and by one that knows the hours."""
    clinic, ids, kinds = await unit_of_work.run(_staffed, SYSTEM)
    for kind in kinds:
        for who in ((), ids[:1], ids[:10], ids):
            for days in (1, 28):
                asked = Asked(visit_type_id=kind.id, clinician_ids=who, patient_id=clinic.patient.id)
                span = Interval(TUESDAY_NINE, TUESDAY_NINE + timedelta(days=days))
                availability_queries.SNAPSHOTS.clear()
                for _ in ("cold", "warm"):
                    with statements(unit_of_work) as sent:
                        assert len(await unit_of_work.run(queries.search, SYSTEM, asked, span, 20)) == 20
                    assert len(sent) <= MOST, (kind.code, len(who), days)
        asked = Asked(visit_type_id=kind.id, patient_id=clinic.patient.id)
        with statements(unit_of_work) as sent:
            assert await unit_of_work.run(queries.explain, SYSTEM, asked, TUESDAY_NINE) is Reason.OK
        assert len(sent) <= MOST
        with statements(unit_of_work) as sent:
            assert await unit_of_work.run(queries.day_counts, SYSTEM, asked, span, "Asia/Tokyo")
        assert len(sent) <= MOST


@pytest.mark.parametrize(
    ("start", "refused"),
    [
        (FIRST, TooSoon),
        (LAST, NotOffered),  # not a whole minute
        (LAST.replace(second=0, microsecond=0), TooFar),
        (TUESDAY_NINE - timedelta(days=400), TooSoon),
        (TUESDAY_NINE + timedelta(days=3650), TooFar),
        (TUESDAY_NINE + timedelta(seconds=1), NotOffered),
    ],
)
async def test_starts_out_of_this_world(unit_of_work: UnitOfWork, start: datetime, refused: type[SlotRefused]) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    for override in ("", "a good reason"):
        wanted = Wanted(
            visit_type_id=clinic.visit_type.id, patient_id=clinic.patient.id, start=start, override=override
        )
        with pytest.raises(refused):
            await unit_of_work.run(service.occupy, SYSTEM, wanted, UUID(int=1))


async def test_spans_out_of_this_world(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    strangers = tuple(ClinicianId(UUID(int=number)) for number in range(1000))
    asked = Asked(visit_type_id=clinic.visit_type.id)
    for span in (Interval(FIRST, LAST), Interval(TUESDAY_NINE, TUESDAY_NINE + timedelta(days=3653))):
        assert len(await unit_of_work.run(queries.search, SYSTEM, asked, span, 7)) == 7
        everything = await unit_of_work.run(queries.free_starts, SYSTEM, asked, span)
        assert max(everything[clinic.clinician.id]) < TUESDAY_NINE + timedelta(days=92)
        assert await unit_of_work.run(queries.search, SYSTEM, replace(asked, clinician_ids=strangers), span, 7) == []
        someone = replace(asked, clinician_ids=(*strangers, clinic.clinician.id))
        assert len(await unit_of_work.run(queries.search, SYSTEM, someone, span, 7)) == 7
    for span in (Interval(FIRST, FIRST), Interval(LAST, LAST), Interval(TUESDAY_NINE, TUESDAY_NINE)):
        assert await unit_of_work.run(queries.search, SYSTEM, asked, span, 7) == []


async def test_only_clinicians_give_visits(unit_of_work: UnitOfWork) -> None:
    """A room can be needed, and it does not become a doctor by being named as one."""
    clinic, _, kinds = await unit_of_work.run(_staffed, SYSTEM, 1)
    rooms = [each for each in await unit_of_work.run(availability_queries.resources, SYSTEM) if each.kind == "room"]
    asked = Asked(visit_type_id=kinds[-1].id, clinician_ids=(ClinicianId(rooms[0].id),), patient_id=clinic.patient.id)
    span = Interval(TUESDAY_NINE, TUESDAY_NINE + timedelta(days=1))
    assert await unit_of_work.run(queries.search, SYSTEM, asked, span, 5) == []


async def test_a_crowd_at_one_clinician(unit_of_work: UnitOfWork) -> None:
    """Sixty patients want twenty times of one clinician at once, each of them twice: nobody waits in a circle."""
    clinic, patients = await unit_of_work.run(_crowd, SYSTEM)
    starts = [TUESDAY_NINE + timedelta(minutes=20 * number) for number in range(20)]

    async def take(number: int) -> Occupied | Exception:
        wanted = Wanted(
            visit_type_id=clinic.visit_type.id,
            patient_id=patients[number % 60],
            start=starts[(number * 7) % 20],
            clinician_ids=(clinic.clinician.id,),
        )
        try:
            return await unit_of_work.run(service.occupy, SYSTEM, wanted, UUID(int=number + 1))
        except (SlotTaken, PatientConflict, CalendarBusy) as refused:
            return refused

    answers = await asyncio.gather(*(take(number) for number in range(120)))
    taken = Counter(each.start for each in answers if isinstance(each, Occupied))
    assert set(taken.values()) == {1}
    assert len(taken) == 20


async def test_one_patient_who_is_quick_holds_one_time(unit_of_work: UnitOfWork) -> None:
    """However many clicks come at once."""
    clinic = await unit_of_work.run(open_clinic, SYSTEM)

    async def hold(number: int) -> None:
        wanted = Wanted(
            visit_type_id=clinic.visit_type.id,
            patient_id=clinic.patient.id,
            start=TUESDAY_NINE + timedelta(minutes=20 * number),
        )
        await unit_of_work.run(service.hold, SYSTEM, wanted)

    await asyncio.gather(*(hold(number) for number in range(6)))
    asked = Asked(visit_type_id=clinic.visit_type.id)
    span = Interval(TUESDAY_NINE, TUESDAY_NINE + timedelta(hours=2))
    assert len(await unit_of_work.run(queries.search, SYSTEM, asked, span, 50)) == 5


async def _crowd(unit: Unit) -> tuple[Clinic, list[PatientId]]:
    clinic = await open_clinic(unit)
    return clinic, [(await register(unit, f"Patient{number}")).id for number in range(60)]


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def test_half_a_provider_is_every_other_start_also_past_midnight_in_utc(zone: str) -> None:
    week = tuple(Rule(weekday, 9 * 60 + 20, 17 * 60, staffing=50) for weekday in range(1, 8))
    host = Resource(id=UUID(int=1), kind="clinician", name="", time_zone=zone, version=1, rules=week)
    kind = VisitType(id=VisitTypeId(UUID(int=2)), code="v", name="v", minutes=20, grid=20, buffer_before=5)
    noon = to_minute(datetime.combine(TUESDAY_NINE.date(), time(12), ZoneInfo(zone)))
    frame = Interval(noon - 720, noon + 720)
    found = [frame.start + at for each in offers(host, kind, frame) for at in minutes_of(each.bits)]
    assert found == [noon - 160 + 40 * number for number in range(12)]


def test_dates_out_of_this_world() -> None:
    asked = {"visit_type_id": str(UUID(int=1)), "time_zone": "Asia/Tokyo"}
    for first, last in (("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31")):
        with pytest.raises(ValidationError):
            DaysQuery.model_validate_json(json.dumps({**asked, "first": first, "last": last}))


def test_six_roles_of_one_kind_are_too_many_to_compare() -> None:
    kind = VisitType(id=VisitTypeId(UUID(int=2)), code="v", name="v", minutes=20)
    rooms = [RoleNeed("room", pool=f"p{number}") for number in range(6)]
    check_visit_type(replace(kind, roles=(*rooms[:5], RoleNeed("interpreter"))))
    with pytest.raises(InvalidVisitType) as refused:
        check_visit_type(replace(kind, roles=tuple(rooms)))
    assert refused.value.extras["fault"] == "roles"

    form = {"code": "v", "name": "v", "minutes": 20, "roles": [{"kind": "room", "pool": each.pool} for each in rooms]}
    with pytest.raises(ValidationError, match="at most 5 roles can be of one kind"):
        VisitTypeForm.model_validate_json(json.dumps(form))
    stored = VisitTypeView.model_validate_json(json.dumps({**form, "id": str(UUID(int=2))}))
    assert len(stored.roles) == len(rooms)


def test_what_a_resource_remembers_has_an_end_and_forgetting_changes_nothing() -> None:
    week = tuple(Rule(weekday, 9 * 60, 17 * 60) for weekday in range(1, 8))
    host = Resource(id=UUID(int=1), kind="clinician", name="", time_zone="Asia/Tokyo", version=1, rules=week)
    kinds = [
        interned(VisitType(id=VisitTypeId(UUID(int=number)), code=f"v{number}", name="v", minutes=20, grid=20))
        for number in range(KINDS_REMEMBERED + 3)
    ]
    first = offered_on(host, kinds[0], 20_000)
    assert first
    for day in range(20_000, 20_000 + 2 * DAYS_REMEMBERED, 7):
        offered_on(host, kinds[0], day)
    for day in range(20_000, 20_000 + DAYS_REMEMBERED + 50):
        assert offered_on(host, kinds[1], day) == first
    for kind in kinds:
        assert offered_on(host, kind, 20_000) == first
    remembered = host.memory["offers"]
    assert list(remembered) == [kind.code for kind in kinds[3:]]
    assert all(len(days) <= DAYS_REMEMBERED for _, days in remembered.values())
    assert len(host.memory["days"]) <= DAYS_REMEMBERED

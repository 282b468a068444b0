"""What is promised for a few minutes: honoured when it is claimed in time, and given back by itself when it is not."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import ResourceEntry, Rule, WeeklyHours
from telehealth.scheduling.booking import queries, routes, service, tasks
from telehealth.scheduling.booking.rules import (
    Asked,
    Audience,
    HoldExpired,
    LocationRequired,
    NotOffered,
    Occupied,
    Reason,
    ResourceTaken,
    RoleNeed,
    SessionFull,
    SlotTaken,
    VisitType,
    Wanted,
)
from telehealth.visits.appointments import offers
from tests.kit.clinic import TUESDAY_NINE, add_colleague, register
from tests.kit.web import client_of
from tests.scheduling.waiting import Waiting, waiting_room

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def room(unit_of_work: UnitOfWork, database: str) -> AsyncIterator[Waiting]:
    async with waiting_room(unit_of_work, database) as opened:
        yield opened


def _wanted(room: Waiting, **changed: object) -> Wanted:
    clinic = room.clinic
    wanted = Wanted(
        visit_type_id=clinic.visit_type.id,
        patient_id=clinic.patient.id,
        start=TUESDAY_NINE,
        clinician_ids=(clinic.clinician.id,),
    )
    return replace(wanted, **changed)  # type: ignore[arg-type]


async def _offer_type(room: Waiting, **changed: object) -> VisitType:
    kind = replace(room.clinic.visit_type, **changed)  # type: ignore[arg-type]
    return await room.unit_of_work.run(service.add_visit_type, SYSTEM, kind)


async def _occupy(unit: Unit, wanted: Wanted) -> None:
    await _taken(unit, wanted)


async def _taken(unit: Unit, wanted: Wanted) -> Occupied:
    return await service.occupy(unit, wanted, unit.new_id())


async def _convert(unit: Unit, hold_id: UUID) -> None:
    await service.convert(unit, hold_id, unit.new_id())


async def test_what_a_hold_kept_too_long_goes_to_the_waitlist(room: Waiting) -> None:
    waits = await room.joins("Ana")
    held = await room.unit_of_work.run(service.hold, SYSTEM, _wanted(room))
    assert await room.unit_of_work.run(service.expire_due, SYSTEM) == 0
    room.moment.move(held.expires_at)
    assert await tasks.expire_holds(room.work) == 1
    assert await tasks.expire_holds(room.work) == 0
    await room.goes_on()
    (offer,) = await room.open_offers()
    assert (offer.entry_id, offer.start) == (waits.id, TUESDAY_NINE)


async def test_a_hold_with_a_clinician_who_left_asks_for_the_place_all_the_same(room: Waiting) -> None:
    await _offer_type(room, needs_licence=True)
    held = await room.unit_of_work.run(service.hold, SYSTEM, _wanted(room))
    await room.unit_of_work.run(availability.retire_resource, SYSTEM, room.clinic.clinician.id)

    async def convert(unit: Unit) -> None:
        await service.convert(unit, held.id, unit.new_id())

    with pytest.raises(LocationRequired):
        await room.unit_of_work.run(convert, SYSTEM)


async def test_a_seat_whose_session_is_gone_is_no_seat(room: Waiting) -> None:
    """Two who look at the clock a moment apart: one still holds a seat, the other has taken the clinician."""
    await _offer_type(room, seats=2)
    held = await room.unit_of_work.run(service.hold, SYSTEM, _wanted(room))
    room.moment.move(held.expires_at)
    ines = (await room.unit_of_work.run(register, SYSTEM, "Ines")).id
    await room.unit_of_work.run(_occupy, SYSTEM, _wanted(room, patient_id=ines))
    room.moment.move(held.expires_at - MINUTE)

    with pytest.raises(HoldExpired):
        await room.unit_of_work.run(_convert, SYSTEM, held.id)


@pytest.mark.parametrize("kind", [{}, {"buffer_before": 5, "buffer_after": 5, "grid": 10}, {"first_of_day_only": True}])
@pytest.mark.parametrize("apart", [-30, -20, 20, 30])
async def test_a_hold_is_given_up_for_what_overlaps_it_alone(room: Waiting, kind: dict[str, Any], apart: int) -> None:
    """What ends in the minute in which the hold begins, or lies elsewhere on its day, takes nothing from it."""
    held_at = TUESDAY_NINE + timedelta(hours=1)
    colleague = await room.unit_of_work.run(add_colleague, SYSTEM, room.clinic)
    held = await room.unit_of_work.run(service.hold, SYSTEM, _wanted(room, start=held_at))
    other = await _offer_type(room, id=VisitTypeId(colleague.id), code="other", **({"grid": 10} | kind))
    booked = _wanted(
        room, start=held_at + apart * MINUTE, visit_type_id=other.id, clinician_ids=(colleague.id,), override=True
    )
    await room.unit_of_work.run(_occupy, SYSTEM, booked)
    if abs(apart) < 20 + 5 * ("buffer_before" in kind):
        with pytest.raises(HoldExpired):
            await room.unit_of_work.run(_convert, SYSTEM, held.id)
    else:
        await room.unit_of_work.run(_convert, SYSTEM, held.id)


async def test_who_holds_the_only_seat_may_take_it_without_naming_the_hold(room: Waiting) -> None:
    """The session that their hold began goes on with their visit, and keeps its clinician busy."""
    await _offer_type(room, seats=2)
    plain = await _offer_type(room, id=VisitTypeId(room.clinic.patient.id), code="plain")
    await room.unit_of_work.run(service.hold, SYSTEM, _wanted(room))
    await room.unit_of_work.run(_occupy, SYSTEM, _wanted(room))
    ines = (await room.unit_of_work.run(register, SYSTEM, "Ines")).id
    with pytest.raises(SlotTaken):
        await room.unit_of_work.run(service.hold, SYSTEM, _wanted(room, patient_id=ines, visit_type_id=plain.id))


async def test_who_holds_the_last_seat_may_take_it_without_naming_the_hold(room: Waiting) -> None:
    await _offer_type(room, seats=2)
    first = await room.unit_of_work.run(_taken, SYSTEM, _wanted(room))
    ines, luis = [(await room.unit_of_work.run(register, SYSTEM, name)).id for name in ("Ines", "Luis")]
    await room.unit_of_work.run(service.hold, SYSTEM, _wanted(room, patient_id=ines))
    with pytest.raises(SessionFull):
        await room.unit_of_work.run(_occupy, SYSTEM, _wanted(room, patient_id=luis))
    second = await room.unit_of_work.run(_taken, SYSTEM, _wanted(room, patient_id=ines))
    assert (second.session_id, second.resources) == (first.session_id, (room.clinic.clinician.id,))
    with pytest.raises(SessionFull):
        await room.unit_of_work.run(_occupy, SYSTEM, _wanted(room, patient_id=luis))


async def test_who_joins_a_group_has_what_the_group_has(room: Waiting) -> None:
    """Of two interpreters the one who came first is there for everyone; nobody brings another."""

    async def add_interpreters(unit: Unit) -> list[UUID]:
        found = [ResourceEntry(id=unit.new_id(), kind="interpreter", name=n, time_zone="UTC") for n in ("1", "2")]
        for each in found:
            await availability.add_resource(unit, each)
            await availability.publish_hours(unit, each.id, WeeklyHours("UTC", (Rule(2, 0, 24 * 60),)))
        return [each.id for each in found]

    interpreters = await room.unit_of_work.run(add_interpreters, SYSTEM)
    await _offer_type(room, seats=3, roles=(RoleNeed("interpreter"),))
    first = await room.unit_of_work.run(_taken, SYSTEM, _wanted(room))
    ines = (await room.unit_of_work.run(register, SYSTEM, "Ines")).id
    second = await room.unit_of_work.run(_taken, SYSTEM, _wanted(room, patient_id=ines))
    assert second.resources == first.resources
    assert second.resources[0] == room.clinic.clinician.id
    luis = (await room.unit_of_work.run(register, SYSTEM, "Luis")).id
    with pytest.raises(ResourceTaken) as refused:
        await room.unit_of_work.run(_occupy, SYSTEM, _wanted(room, patient_id=luis, also=(interpreters[1],)))
    assert refused.value.extras["conflicts"] == [str(interpreters[1])]


async def test_a_room_gives_no_visits(room: Waiting) -> None:
    async def add_room(unit: Unit) -> ResourceEntry:
        there = ResourceEntry(id=unit.new_id(), kind="room", name="1", time_zone="America/Chicago")
        await availability.add_resource(unit, there)
        await availability.publish_hours(unit, there.id, WeeklyHours("America/Chicago", (Rule(2, 9 * 60, 17 * 60),)))
        return there

    place = await room.unit_of_work.run(add_room, SYSTEM)
    with pytest.raises(NotOffered):
        await room.unit_of_work.run(
            service.hold, SYSTEM, _wanted(room, clinician_ids=(place.id,), audience=Audience.STAFF)
        )


async def test_search_and_booking_count_the_same_risks(room: Waiting) -> None:
    """Whoever is booked may stay away, whatever the visit is for."""
    other = await _offer_type(room, id=VisitTypeId(room.clinic.patient.id), code="other")
    kind = await _offer_type(room, overbook_limit=1)
    later = TUESDAY_NINE + timedelta(hours=2)
    ines = (await room.unit_of_work.run(register, SYSTEM, "Ines")).id
    await room.unit_of_work.run(_occupy, SYSTEM, _wanted(room, no_show_risk=50))
    await room.unit_of_work.run(_occupy, SYSTEM, _wanted(room, start=later, visit_type_id=other.id, no_show_risk=50))
    asked = Asked(visit_type_id=kind.id, patient_id=ines, audience=Audience.STAFF)
    span = Interval(TUESDAY_NINE, TUESDAY_NINE + timedelta(hours=4))
    found = await room.unit_of_work.run(queries.search, SYSTEM, asked, span, 20)
    assert TUESDAY_NINE in {slot.start for slot in found}
    assert await room.unit_of_work.run(queries.explain, SYSTEM, asked, TUESDAY_NINE) is Reason.OK


async def test_a_clinician_answers_for_their_own_time_alone(room: Waiting) -> None:
    await room.joins("Ana")
    (offer,) = await room.refill()
    colleague = await room.unit_of_work.run(add_colleague, SYSTEM, room.clinic)
    own: Actor = room.clinic.clinician_actor
    with pytest.raises(NotFound):
        await room.unit_of_work.run(offers.accept, replace(own, person_id=colleague.id), offer.id)
    assert (await room.unit_of_work.run(offers.accept, own, offer.id)).visit.clinician_id == own.person_id


async def test_a_patients_calendar_is_for_those_who_book(room: Waiting) -> None:
    known = {"desk": room.clinic.front_desk, "admin": Actor(UUID(int=5), Role.ADMIN, SCOPES[Role.ADMIN])}
    asked = {
        "visit_type_id": str(room.clinic.visit_type.id),
        "start": TUESDAY_NINE.isoformat(),
        "end": (TUESDAY_NINE + MINUTE).isoformat(),
    }
    whose = {"patient_id": str(room.clinic.patient.id)}
    async with client_of(room.unit_of_work, routes.OPERATIONS, known) as http:
        answers = [
            (await http.post("/v1/slots/search", json=body, headers={"Authorization": f"Bearer {who}"})).status_code
            for who in known
            for body in (asked, asked | whose)
        ]
    assert answers == [200, 200, 200, 403]

"""The ways in to booking: kinds of visits, free times, holds."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from telehealth.core.actors import STAFF, Purpose, Role, Scope
from telehealth.core.errors import NotAllowed, NotFound, Refusal
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.operation import operation
from telehealth.http.paging import CursorKey, Cursors
from telehealth.http.schemas import Fault
from telehealth.people import queries as people
from telehealth.scheduling.booking import queries, service
from telehealth.scheduling.booking.rules import (
    SLOT_REFUSALS,
    Asked,
    Audience,
    CalendarBusy,
    Hold,
    InvalidVisitType,
    Slot,
    VisitType,
    VisitTypeKnown,
    Wanted,
)
from telehealth.scheduling.booking.schemas import (
    DayCount,
    Days,
    DaysQuery,
    HoldTime,
    HoldView,
    SearchSlots,
    Slots,
    SlotView,
    VisitTypeForm,
    VisitTypes,
    VisitTypeView,
)
from telehealth.scheduling.booking.tokens import OfferedTime, read_offer, write_offer

NOT_A_PLACE = Fault(where="body", pointer="/cursor", detail="not a cursor of this search")
Place = tuple[datetime, int, UUID]


async def list_visit_types(call: Call) -> VisitTypes:
    """What can be booked."""
    return VisitTypes.of(await call.run(queries.visit_types))


async def read_visit_type(call: Call, visit_type: UUID) -> VisitTypeView:
    """One kind of visit."""
    return VisitTypeView.model_validate(await call.run(queries.visit_type, visit_type))


async def add_visit_type(call: Call, body: VisitTypeForm) -> VisitTypeView:
    """Offer a new kind of visit."""
    return VisitTypeView.model_validate(await call.run(_add_visit_type, body))


async def change_visit_type(call: Call, visit_type: UUID, body: VisitTypeForm) -> VisitTypeView:
    """Replace a kind of visit. Visits already booked keep their time."""
    return VisitTypeView.model_validate(await call.run(_change_visit_type, visit_type, body))


async def retire_visit_type(call: Call, visit_type: UUID) -> None:
    """Offer it no more. Visits already booked stay."""
    await call.run(service.retire_visit_type, visit_type)


async def search_slots(call: Call, body: SearchSlots) -> Slots:
    """Free times, earliest first. What is offered here can be booked."""
    places = Cursors(call.port(CursorKey), "slots", fault=NOT_A_PLACE)
    after = None if body.cursor is None else _place(places.read(body.cursor))
    slots = await call.run(_search, body, after)
    key = call.port(CursorKey)
    items = [SlotView.of(each, write_offer(key, _offered(body, each)), body.time_zone) for each in slots]
    last = slots[-1] if len(slots) == body.limit else None
    return Slots(items=items, next=None if last is None else places.write(_words(last)))


async def count_days(call: Call, query: DaysQuery) -> Days:
    """How many free times each day has: what a month view shows."""
    counts = await call.run(_count_days, query)
    return Days(items=[DayCount(date=day, count=count) for day, count in sorted(counts.items())])


async def hold_time(call: Call, body: HoldTime) -> HoldView:
    """Keep a time for a few minutes. An earlier hold of yours for the same patient is given up for it."""
    return HoldView.of(await call.run(_hold, _wanted(call, body), body.seconds))


async def release_hold(call: Call, hold: UUID) -> None:
    """Give a held time back."""
    await call.run(service.release_hold, hold)


def _offered(body: SearchSlots, slot: Slot) -> OfferedTime:
    return OfferedTime(
        visit_type_id=VisitTypeId(body.visit_type_id),
        clinician_id=slot.clinician_id,
        start=slot.start,
        also=body.asked.also,
        audience=body.audience,
    )


def _words(slot: Slot) -> str:
    return f"{slot.start.isoformat()} {slot.rank} {slot.clinician_id}"


def _place(words: str) -> Place:
    start, rank, clinician = words.split()
    return datetime.fromisoformat(start), int(rank), UUID(clinician)


def _wanted(call: Call, body: HoldTime) -> Wanted:
    if body.offer is not None:
        offered = read_offer(call.port(CursorKey), body.offer)
        return Wanted(
            visit_type_id=offered.visit_type_id,
            patient_id=PatientId(body.patient_id),
            start=offered.start,
            clinician_ids=(offered.clinician_id,),
            also=offered.also,
            audience=offered.audience,
            offered=True,
        )
    if body.visit_type_id is None or body.start is None:
        raise AssertionError("unreachable: the message says one or the other")
    return Wanted(
        visit_type_id=VisitTypeId(body.visit_type_id),
        patient_id=PatientId(body.patient_id),
        start=body.start,
        clinician_ids=tuple(map(ClinicianId, body.clinician_ids)),
    )


async def _add_visit_type(unit: Unit, form: VisitTypeForm) -> VisitType:
    return await service.add_visit_type(unit, form.visit_type(VisitTypeId(unit.new_id())))


async def _change_visit_type(unit: Unit, visit_type_id: UUID, form: VisitTypeForm) -> VisitType:
    known = await queries.visit_type(unit, visit_type_id)
    return await service.add_visit_type(unit, form.visit_type(known.id))


async def _search(unit: Unit, body: SearchSlots, after: Place | None) -> list[Slot]:
    asked = await _allowed(unit, body.asked)
    span = body.span if after is None else Interval(max(body.start, after[0]), max(body.end, after[0]))
    return await queries.search(unit, asked, span, body.limit, after=after)


async def _count_days(unit: Unit, query: DaysQuery) -> dict[date, int]:
    zone = parse_zone(query.time_zone)
    start, end = (datetime.combine(day, time(), zone) for day in (query.first, query.last + timedelta(days=1)))
    span = Interval(start.astimezone(UTC), end.astimezone(UTC))
    return await queries.day_counts(unit, await _allowed(unit, query.asked), span, query.time_zone)


async def _allowed(unit: Unit, asked: Asked) -> Asked:
    """A patient's calendar is for those who book, and looking into it leaves a trace; a staff view is for staff."""
    if asked.audience is not Audience.PATIENT and unit.actor.role not in STAFF | {Role.ADMIN}:
        raise NotAllowed
    if asked.patient_id is not None and Scope.VISITS_BOOK not in unit.actor.scopes:
        raise NotAllowed
    if asked.patient_id is not None:
        patient = await people.patient(unit, asked.patient_id)
        unit.audit("read", "patient_calendar", patient.id, patient_id=patient.id)
    return asked


async def _hold(unit: Unit, wanted: Wanted, seconds: int) -> Hold:
    patient = await people.patient(unit, wanted.patient_id)
    return await service.hold(unit, replace(wanted, patient_id=patient.id), seconds=seconds)


REFUSED: tuple[type[Refusal], ...] = (NotFound, *SLOT_REFUSALS, CalendarBusy)
_SLOTS, _BOOK, _WRITE = Scope.SLOTS_READ, Scope.VISITS_BOOK, Scope.VISIT_TYPES_WRITE
TYPE = "/v1/visit-types/{visit_type:uuid}"
_WRONG = (NotFound, InvalidVisitType, VisitTypeKnown)
OPERATIONS = (
    operation("GET", "/v1/visit-types", list_visit_types, needs=_SLOTS),
    operation("POST", "/v1/visit-types", add_visit_type, needs=_WRITE, status=201, errors=_WRONG),
    operation("GET", TYPE, read_visit_type, needs=_SLOTS, errors=(NotFound,)),
    operation("PUT", TYPE, change_visit_type, needs=_WRITE, errors=_WRONG),
    operation("DELETE", TYPE, retire_visit_type, needs=_WRITE, status=204, errors=(NotFound,)),
    operation("POST", "/v1/slots/search", search_slots, needs=_SLOTS, errors=(NotFound, NotAllowed)),
    operation("GET", "/v1/slots/days", count_days, needs=_SLOTS, errors=(NotFound, NotAllowed)),
    operation(
        "POST",
        "/v1/holds",
        hold_time,
        needs=_BOOK,
        purpose=Purpose.TREATMENT,
        status=201,
        errors=(*REFUSED, NotAllowed),
    ),
    operation("DELETE", "/v1/holds/{hold:uuid}", release_hold, needs=_BOOK, status=204, errors=(NotFound,)),
)

"""The ways in to a visit's time: book it, ask for it, move it; and the same for visits that repeat."""

from datetime import datetime
from uuid import UUID

from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, if_match
from telehealth.http.paging import CursorKey
from telehealth.scheduling.booking.tokens import OfferedTime, read_offer
from telehealth.visits.appointments import series, service
from telehealth.visits.appointments.repeating import (
    BookSeries,
    CancelSeries,
    FreeSeriesList,
    FreeSeriesView,
    MissedView,
    MoveSeries,
    SearchSeries,
    SeriesView,
)
from telehealth.visits.appointments.schemas import BookedView, BookVisit, MoveVisit
from telehealth.visits.appointments.wishes import Wish
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.lifecycle.schemas import VisitView

Made = tuple[Visit, str, datetime]
Seen = tuple[Visit, datetime]
Repeated = tuple[series.Told, datetime]


async def book_visit(call: Call, body: BookVisit) -> BookedView:
    """Book a visit, or ask for one. The answer carries the patient's personal link; the invitation carries it too."""
    offered = None if body.offer is None else read_offer(call.port(CursorKey), body.offer)
    return _made(call, await call.run(_book, body, offered))


async def confirm_visit(call: Call, visit: UUID) -> BookedView:
    """Give a requested visit its time. Of two that ask for the same one gets it."""
    return _made(call, await call.run(_confirm, visit, if_match(call)))


async def move_visit(call: Call, visit: UUID, body: MoveVisit) -> Reply[VisitView]:
    """Give a booked visit another time: same visit, same link, or nothing changes."""
    moved, now = await call.run(_move, visit, body, if_match(call))
    return Reply(VisitView.of(moved, call.actor.role, now), headers=etag(moved.revision))


async def book_series(call: Call, body: BookSeries) -> Reply[SeriesView]:
    """Book visits that repeat: all of them or none, or those that are free."""
    return _told(call, await call.run(_book_series, body))


async def read_series(call: Call, series: UUID) -> Reply[SeriesView]:
    """Visits that repeat, one by one."""
    return _told(call, await call.run(_open_series, series))


async def cancel_series(call: Call, series: UUID, body: CancelSeries) -> Reply[SeriesView]:
    """Cancel one visit, that and the following, or all that have not begun."""
    return _told(call, await call.run(_cancel_series, series, body, if_match(call)))


async def move_series(call: Call, series: UUID, body: MoveSeries) -> Reply[SeriesView]:
    """Give a visit and all that follow another local time: all of them, or nothing changes."""
    return _told(call, await call.run(_move_series, series, body, if_match(call)))


async def search_series(call: Call, body: SearchSeries) -> FreeSeriesList:
    """Times at which a series can begin: every one of its visits is free."""
    found = await call.run(_search_series, body)
    items = [
        FreeSeriesView(
            clinician_id=each.clinician_id, local_start=f"{each.local_start:%Y-%m-%dT%H:%M}", starts=list(each.starts)
        )
        for each in found
    ]
    return FreeSeriesList(items=items)


def _made(call: Call, made: Made) -> BookedView:
    visit, secret, now = made
    link = f"{call.kit.public_url}{queries.LINK_PATH}{secret}" if secret else None
    return BookedView(visit=VisitView.of(visit, call.actor.role, now), link=link)


def _told(call: Call, repeated: Repeated) -> Reply[SeriesView]:
    told, now = repeated
    view = SeriesView(
        **{name: getattr(told.series, name) for name in SeriesView.model_fields if name not in {"visits", "skipped"}},
        visits=[VisitView.of(each, call.actor.role, now) for each in told.visits],
        skipped=[MissedView.model_validate(each) for each in told.missed],
    )
    return Reply(view, headers=etag(told.series.revision))


async def _book(unit: Unit, asked: BookVisit, offered: OfferedTime | None) -> Made:
    if asked.hold_id is not None:
        booked = await service.book_hold(
            unit, asked.hold_id, patient_id=PatientId(asked.patient_id), location=asked.location
        )
        return booked.visit, booked.link_secret, unit.now
    wish = _wish(asked) if offered is None else _offered(asked, offered)
    if asked.request:
        return await service.request(unit, wish), "", unit.now
    booked = await service.appoint(unit, wish)
    return booked.visit, booked.link_secret, unit.now


def _wish(asked: BookVisit) -> Wish:
    if asked.visit_type_id is None or asked.start is None:
        raise AssertionError("unreachable: the message says one or the other")
    return Wish(
        patient_id=PatientId(asked.patient_id),
        visit_type_id=VisitTypeId(asked.visit_type_id),
        start=asked.start,
        clinician_ids=asked.team,
        also=asked.also,
        override=asked.override,
        location=asked.location,
        no_show_risk=asked.no_show_risk,
    )


def _offered(asked: BookVisit, offered: OfferedTime) -> Wish:
    return Wish(
        patient_id=PatientId(asked.patient_id),
        visit_type_id=offered.visit_type_id,
        start=offered.start,
        clinician_ids=(offered.clinician_id,),
        also=offered.also,
        audience=offered.audience,
        offered=True,
        override=asked.override,
        location=asked.location,
        no_show_risk=asked.no_show_risk,
    )


async def _confirm(unit: Unit, visit_id: UUID, revision: int | None) -> Made:
    booked = await service.confirm(unit, visit_id, revision=revision)
    return booked.visit, booked.link_secret, unit.now


async def _move(unit: Unit, visit_id: UUID, asked: MoveVisit, revision: int | None) -> Seen:
    moved = await service.reschedule(
        unit,
        visit_id,
        start=asked.start,
        revision=revision,
        clinician_ids=asked.team,
        override=asked.override,
        location=asked.location,
    )
    return moved, unit.now


async def _book_series(unit: Unit, asked: BookSeries) -> Repeated:
    return await series.book_series(unit, asked.wish()), unit.now


async def _open_series(unit: Unit, series_id: UUID) -> Repeated:
    return await series.open_series(unit, series_id), unit.now


async def _cancel_series(unit: Unit, series_id: UUID, asked: CancelSeries, revision: int | None) -> Repeated:
    told = await series.cancel_series(
        unit,
        series_id,
        reach=series.Reach(asked.reach),
        occurrence=asked.occurrence,
        reason=asked.reason,
        revision=revision,
    )
    return told, unit.now


async def _move_series(unit: Unit, series_id: UUID, asked: MoveSeries, revision: int | None) -> Repeated:
    told = await series.reschedule_following(
        unit,
        series_id,
        occurrence=asked.occurrence,
        local_start=datetime.fromisoformat(asked.local_start),
        revision=revision,
        clinician_id=None if asked.clinician_id is None else ClinicianId(asked.clinician_id),
    )
    return told, unit.now


async def _search_series(unit: Unit, asked: SearchSeries) -> list[series.FreeSeries]:
    unit.audit("read", "patient_calendar", asked.patient_id, patient_id=asked.patient_id)
    return await series.search_series(unit, asked.wish(), start=asked.start, end=asked.end, limit=asked.limit)

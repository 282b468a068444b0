"""All the ways in to visits."""

from datetime import datetime
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Purpose, Role, Scope
from telehealth.core.errors import NotAllowed, NotFound, Refusal, Stale
from telehealth.core.ids import ClinicianId, VisitId
from telehealth.db.unit import Unit
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, if_match
from telehealth.http.operation import PUBLIC, operation, page
from telehealth.http.sse import EVENTS, stream
from telehealth.people import queries as people
from telehealth.people.licensing import UnfitPlace
from telehealth.scheduling.booking.rules import SLOT_REFUSALS, CalendarBusy, HoldExpired, LocationRequired
from telehealth.scheduling.recurrence.rules import InvalidRecurrence
from telehealth.scheduling.waitlist.rules import AlreadyListed, NotWaiting, OfferExpired, OfferGone, UnfitWish
from telehealth.visits import bookings, choosing, desk, offering, own_page, pages, queries, service, walk_ins
from telehealth.visits.events import FRONT_DESK_TOPIC, clinician_topic, visit_topic
from telehealth.visits.ports import FollowUps
from telehealth.visits.queue import AlreadyQueued, NobodyWaits, QueueLeft
from telehealth.visits.rules import JurisdictionMismatch, NotNow, SeriesConflict, Visit
from telehealth.visits.schemas import (
    AttestLocation,
    BoardEntry,
    BoardQuery,
    BoardView,
    CancelVisit,
    CheckReport,
    GuestVisitView,
    JoinView,
    LifecycleView,
    VisitView,
)

Seen = tuple[Visit, datetime]

# Staff


async def read_visit(call: Call, visit: UUID) -> Reply[VisitView]:
    """One visit, and what can be done with it now."""
    return _shown(call, await call.run(_open, visit))


async def cancel_visit(call: Call, visit: UUID, body: CancelVisit) -> Reply[VisitView]:
    """Cancel a visit that has not begun; its time is free again."""
    return _shown(call, await call.run(_cancel, visit, body.reason, if_match(call)))


async def admit_patient(call: Call, visit: UUID) -> Reply[VisitView]:
    """Take the patient from the waiting room into the call."""
    return _shown(call, await call.run(_admit, visit, if_match(call)))


async def end_visit(call: Call, visit: UUID) -> Reply[VisitView]:
    """Finish the visit. Hanging up does not."""
    return _shown(call, await call.run(_end, visit, if_match(call)))


async def read_board(call: Call, query: BoardQuery) -> BoardView:
    """The visits of a day and whatever is unfinished."""
    return await call.run(_board, query)


async def follow_board(call: Call) -> Response:
    """Server-sent events: the board's version, whenever it changes."""
    topic = await call.run(_board_topic)
    follow_ups = call.port(FollowUps)

    async def version() -> str:
        return await call.run(_board_version, follow_ups)

    return stream(call, (topic,), version)


async def follow_visit_as_staff(call: Call, visit: UUID) -> Response:
    """Server-sent events: the visit's revision, whenever it changes."""
    return await _follow(call, visit)


# Patients


async def arrive(call: Call, visit: UUID) -> GuestVisitView:
    """Say that you are here."""
    return _to_guest(await call.run(service.arrive, visit))


async def check_devices(call: Call, visit: UUID, body: CheckReport) -> GuestVisitView:
    """Tell how camera, microphone and network did."""
    return _to_guest(await call.run(service.record_check, visit, body.judged()))


async def attest_location(call: Call, visit: UUID, body: AttestLocation) -> GuestVisitView:
    """Say where you are: the clinician may treat you only in a place they are licensed for."""
    return _to_guest(await call.run(service.attest_location, visit, body.jurisdiction))


async def make_ready(call: Call, visit: UUID) -> GuestVisitView:
    """Go into the waiting room."""
    return _to_guest(await call.run(service.make_ready, visit))


async def read_join(call: Call, visit: UUID) -> JoinView:
    """Whether you can join now; if not: why, from when, and whom to call."""
    return JoinView.model_validate(await call.run(queries.join_decision, visit))


async def follow_visit(call: Call, visit: UUID) -> Response:
    """Server-sent events: the visit's revision, whenever it changes."""
    return await _follow(call, visit)


async def read_lifecycle(call: Call) -> LifecycleView:  # noqa: ARG001 -- the same for everyone
    """The states of a visit, the commands between them, who may give them, and when."""
    return LifecycleView.of_table()


async def _follow(call: Call, visit: UUID) -> Response:
    await call.run(service.open_visit, visit)

    async def version() -> str:
        return await call.run(queries.visit_version, visit)

    return stream(call, (visit_topic(VisitId(visit)),), version)


def _shown(call: Call, seen: Seen) -> Reply[VisitView]:
    visit, now = seen
    return Reply(VisitView.of(visit, call.actor.role, now), headers=etag(visit.revision))


def _to_guest(visit: Visit) -> GuestVisitView:
    return GuestVisitView.model_validate(visit)


async def _open(unit: Unit, visit_id: UUID) -> Seen:
    return await service.open_visit(unit, visit_id), unit.now


async def _cancel(unit: Unit, visit_id: UUID, reason: str, revision: int | None) -> Seen:
    return await service.cancel(unit, visit_id, reason=reason, revision=revision), unit.now


async def _admit(unit: Unit, visit_id: UUID, revision: int | None) -> Seen:
    return await service.admit(unit, visit_id, revision=revision), unit.now


async def _end(unit: Unit, visit_id: UUID, revision: int | None) -> Seen:
    return await service.end(unit, visit_id, revision=revision), unit.now


async def _board(unit: Unit, query: BoardQuery) -> BoardView:
    board = await queries.board(unit, await queries.local_day(unit, query.day))
    patients = await people.patients(unit, {visit.patient_id for visit in board.visits})
    items = [
        BoardEntry.of(VisitView.of(visit, unit.actor.role, unit.now), patients[visit.patient_id])
        for visit in board.visits
    ]
    return BoardView(version=board.version, items=items)


async def _board_topic(unit: Unit) -> str:
    await queries.local_day(unit)  # who has no day has no board: refused before the stream begins
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id is not None:
        return clinician_topic(ClinicianId(unit.actor.person_id))
    return FRONT_DESK_TOPIC


async def _board_version(unit: Unit, follow_ups: FollowUps) -> str:
    version = await queries.board_version(unit, await queries.local_day(unit))
    return f"{version}-{await follow_ups.wanted_mark(unit)}"


_BOOKING: tuple[type[Refusal], ...] = (NotFound, NotAllowed, CalendarBusy, *SLOT_REFUSALS)
_SERIES = (NotFound, InvalidRecurrence, CalendarBusy)
_CHANGING = (NotFound, NotNow, Stale)
_BOOK, _READ, _HOST, _JOIN = Scope.VISITS_BOOK, Scope.VISITS_READ, Scope.VISITS_HOST, Scope.VISITS_JOIN
_START = (NotFound, NotNow, LocationRequired, JurisdictionMismatch)
_CARE, _OWN = Purpose.TREATMENT, Purpose.PATIENT_REQUEST
_QUEUEING, _WAITING = (NotFound, AlreadyQueued, UnfitPlace, LocationRequired), (NotFound, QueueLeft)
VISIT, SERIES, ENTRY = "/v1/visits/{visit:uuid}", "/v1/series/{series:uuid}", "/v1/queue/{entry:uuid}"
_LISTING = (NotFound, NotNow, UnfitWish, AlreadyListed)
_ACCEPTING = (NotFound, NotNow, OfferExpired, OfferGone, CalendarBusy)
OPERATIONS = (
    operation(
        "POST",
        "/v1/visits",
        bookings.book_visit,
        needs=_BOOK,
        purpose=_CARE,
        status=201,
        errors=(*_BOOKING, HoldExpired),
    ),
    operation("GET", VISIT, read_visit, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    operation(
        "POST",
        f"{VISIT}/confirm",
        bookings.confirm_visit,
        needs=_BOOK,
        purpose=_CARE,
        errors=(*_BOOKING, NotNow, Stale),
    ),
    operation(
        "POST",
        f"{VISIT}/reschedule",
        bookings.move_visit,
        needs=_BOOK,
        purpose=_CARE,
        errors=(*_BOOKING, NotNow, Stale),
    ),
    operation("POST", f"{VISIT}/cancel", cancel_visit, needs=_BOOK, purpose=_CARE, errors=(NotFound, NotNow, Stale)),
    operation("POST", f"{VISIT}/admit", admit_patient, needs=_HOST, purpose=_CARE, errors=(*_START, Stale)),
    operation("POST", f"{VISIT}/end", end_visit, needs=_HOST, purpose=_CARE, errors=(NotFound, NotNow, Stale)),
    operation(
        "POST",
        "/v1/booking-invitations",
        desk.invite_to_book,
        needs=_BOOK,
        purpose=_CARE,
        status=201,
        errors=(NotFound,),
    ),
    operation(
        "POST",
        "/v1/series",
        bookings.book_series,
        needs=_BOOK,
        purpose=_CARE,
        status=201,
        errors=(*_SERIES, SeriesConflict),
    ),
    operation("POST", "/v1/series/search", bookings.search_series, needs=_BOOK, purpose=_CARE, errors=_SERIES),
    operation("GET", SERIES, bookings.read_series, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    operation("POST", f"{SERIES}/cancel", bookings.cancel_series, needs=_BOOK, purpose=_CARE, errors=_CHANGING),
    operation(
        "POST",
        f"{SERIES}/reschedule",
        bookings.move_series,
        needs=_BOOK,
        purpose=_CARE,
        errors=(*_CHANGING, SeriesConflict, CalendarBusy),
    ),
    operation("GET", f"{VISIT}/changes", follow_visit_as_staff, needs=_READ, purpose=_CARE, answers=EVENTS),
    operation("GET", "/v1/board", read_board, needs=_READ, purpose=_CARE),
    operation("GET", "/v1/board/stream", follow_board, needs=_READ, purpose=_CARE, answers=EVENTS),
    operation("POST", f"{VISIT}/arrive", arrive, needs=_JOIN, purpose=_OWN, errors=(NotFound, NotNow)),
    operation("POST", f"{VISIT}/check", check_devices, needs=_JOIN, purpose=_OWN, errors=(NotFound, NotNow)),
    operation("POST", f"{VISIT}/location", attest_location, needs=_JOIN, purpose=_OWN, errors=(NotFound, NotNow)),
    operation("POST", f"{VISIT}/ready", make_ready, needs=_JOIN, purpose=_OWN, errors=_START),
    operation("GET", f"{VISIT}/join", read_join, needs=_JOIN, purpose=_OWN, errors=(NotFound,)),
    operation("GET", f"{VISIT}/stream", follow_visit, needs=_JOIN, purpose=_OWN, answers=EVENTS),
    operation("GET", "/v1/lifecycle", read_lifecycle, needs=PUBLIC),
    operation("POST", "/v1/waitlist", offering.join_waitlist, needs=_BOOK, purpose=_CARE, status=201, errors=_LISTING),
    operation(
        "POST",
        "/v1/offers/{offer:uuid}/accept",
        offering.accept_offer,
        needs=_BOOK,
        purpose=_CARE,
        status=201,
        errors=_ACCEPTING,
    ),
    operation("POST", "/v1/queue", walk_ins.enqueue, needs=_BOOK, purpose=_CARE, status=201, errors=_QUEUEING),
    operation("GET", "/v1/queue", walk_ins.read_queue, needs=_READ, purpose=_CARE),
    operation("POST", "/v1/queue/next", walk_ins.take_next, needs=_HOST, purpose=_CARE, errors=(NobodyWaits, NotFound)),
    operation("GET", ENTRY, walk_ins.read_queue_entry, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    operation("DELETE", ENTRY, walk_ins.leave_queue, needs=_BOOK, purpose=_CARE, status=204, errors=_WAITING),
    operation("POST", f"{ENTRY}/drop", walk_ins.drop_from_queue, needs=_BOOK, purpose=_CARE, errors=_WAITING),
    operation("POST", f"{ENTRY}/return", walk_ins.return_to_queue, needs=_BOOK, purpose=_CARE, errors=_WAITING),
)
PAGES = (
    page("GET", "/", pages.front_door, needs=PUBLIC),
    page("GET", "/day", pages.day, needs=_READ, purpose=_CARE),
    page("POST", "/visits/{visit:uuid}/admit", pages.admit, needs=_HOST, purpose=_CARE, errors=_START),
    page("POST", "/visits/{visit:uuid}/end", pages.end, needs=_HOST, purpose=_CARE, errors=(NotNow,)),
    page("GET", "/waitlist", offering.waitlist_page, needs=_BOOK, purpose=_CARE),
    page("POST", "/waitlist", offering.find_to_wait, needs=Scope.PATIENTS_FIND),
    page("GET", "/waitlist/add/{patient:uuid}", offering.wait_form, needs=_BOOK, purpose=_CARE),
    page("POST", "/waitlist/add/{patient:uuid}", offering.put_on_waitlist, needs=_BOOK, purpose=_CARE, errors=_LISTING),
    page("GET", "/waitlist/{wait:uuid}", offering.times_to_offer, needs=_BOOK, purpose=_CARE),
    page("POST", "/waitlist/{wait:uuid}", offering.offer_by_hand, needs=_BOOK, purpose=_CARE, errors=(NotWaiting,)),
    page("POST", "/waitlist/{wait:uuid}/withdraw", offering.take_off_waitlist, needs=_BOOK, purpose=_CARE),
    page("GET", "/offers/{secret}", offering.offered, needs=PUBLIC),
    page("POST", "/offers/{secret}", offering.answer, needs=PUBLIC, purpose=_OWN),
    page("GET", "/book", desk.find, needs=_BOOK),
    page("POST", "/book", desk.found, needs=Scope.PATIENTS_FIND),
    page("POST", "/book/patients", desk.register, needs=Scope.PATIENTS_WRITE),
    page("GET", "/book/{patient:uuid}", desk.times, needs=_BOOK, purpose=_CARE),
    page("POST", "/book/{patient:uuid}", desk.choose, needs=_BOOK, purpose=_CARE),
    page("POST", "/book/{patient:uuid}/other", desk.choose_other, needs=_BOOK, purpose=_CARE),
    page("POST", "/book/{patient:uuid}/invitation", desk.send_invitation, needs=_BOOK, purpose=_CARE),
    page("GET", "/times", choosing.invited_times, needs=PUBLIC, purpose=_OWN),
    page("POST", "/times", choosing.choose_invited, needs=PUBLIC, purpose=_OWN),
    page("GET", "/times/{link}", choosing.invitation, needs=PUBLIC),
    page("POST", "/times/{link}", choosing.identify_invited, needs=PUBLIC, purpose=_OWN),
    page("GET", "/join/{link}", pages.join, needs=PUBLIC),
    page("POST", "/join/{link}", pages.identify, needs=PUBLIC, purpose=_OWN),
    page("GET", "/visit", own_page.own_visit, needs=_JOIN, purpose=_OWN),
    page("GET", "/visit/times", choosing.own_times, needs=_JOIN, purpose=_OWN),
    page("POST", "/visit/times", choosing.move_own, needs=_JOIN, purpose=_OWN),
    page("POST", "/visit/location", own_page.say_where, needs=_JOIN, purpose=_OWN, errors=(NotNow,)),
    page(
        "POST",
        "/visit/ready",
        own_page.ready,
        needs=_JOIN,
        purpose=_OWN,
        errors=(NotNow, LocationRequired, JurisdictionMismatch),
    ),
)
SOCKETS = ()

"""All the ways in to the board, the queue and the patient's page."""

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.operation import PUBLIC, operation, page
from telehealth.http.sse import EVENTS
from telehealth.people import queries as people
from telehealth.people.licensing import UnfitPlace
from telehealth.scheduling.booking.rules import LocationRequired
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import JurisdictionMismatch, NotNow
from telehealth.visits.lifecycle.schemas import VisitView
from telehealth.visits.waiting_room import desk, own_page, own_place, pages, queries, streams, walk_ins
from telehealth.visits.waiting_room.queue import AlreadyQueued, NobodyWaits, NotWaiting, QueueLeft
from telehealth.visits.waiting_room.schemas import BoardEntry, BoardQuery, BoardView


async def read_board(call: Call, query: BoardQuery) -> BoardView:
    """The visits of a day and whatever is unfinished."""
    return await call.run(_board, query)


async def _board(unit: Unit, query: BoardQuery) -> BoardView:
    board = await queries.board(unit, await visits.local_day(unit, query.day))
    patients = await people.patients(unit, {visit.patient_id for visit in board.visits})
    items = [
        BoardEntry.of(VisitView.of(visit, unit.actor.role, unit.now), patients[visit.patient_id])
        for visit in board.visits
    ]
    return BoardView(version=board.version, items=items)


_BOOK, _READ, _HOST, _JOIN = Scope.VISITS_BOOK, Scope.VISITS_READ, Scope.VISITS_HOST, Scope.VISITS_JOIN
_CARE, _OWN = Purpose.TREATMENT, Purpose.PATIENT_REQUEST
_QUEUEING, _WAITING = (NotFound, AlreadyQueued, UnfitPlace, LocationRequired), (NotFound, QueueLeft)
_TELLING = (NotFound, NotWaiting)
VISIT, LATE = "/v1/visits/{visit:uuid}", "/v1/clinicians/{clinician:uuid}/running-late"
ENTRY = "/v1/queue/{entry:uuid}"
OPERATIONS = (
    operation("GET", "/v1/board", read_board, needs=_READ, purpose=_CARE),
    operation("GET", "/v1/board/stream", streams.follow_board, needs=_READ, purpose=_CARE, answers=EVENTS),
    operation("GET", f"{VISIT}/stream", streams.follow_visit, needs=_JOIN, purpose=_OWN, answers=EVENTS),
    operation("POST", "/v1/queue", walk_ins.enqueue, needs=_BOOK, purpose=_CARE, status=201, errors=_QUEUEING),
    operation("GET", "/v1/queue", walk_ins.read_queue, needs=_READ, purpose=_CARE),
    operation(
        "POST",
        "/v1/queue/next",
        walk_ins.take_next,
        needs=_HOST,
        purpose=_CARE,
        errors=(NobodyWaits, NotFound),
        keyed=True,
    ),
    operation("GET", ENTRY, walk_ins.read_queue_entry, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    operation("DELETE", ENTRY, walk_ins.leave_queue, needs=_BOOK, purpose=_CARE, status=204, errors=_WAITING),
    operation("GET", "/v1/queue/stream", streams.follow_queue, needs=_READ, purpose=_CARE, answers=EVENTS),
    operation("POST", f"{ENTRY}/drop", walk_ins.drop_from_queue, needs=_BOOK, purpose=_CARE, errors=_WAITING),
    operation("POST", f"{ENTRY}/return", walk_ins.return_to_queue, needs=_BOOK, purpose=_CARE, errors=_WAITING),
    operation("POST", f"{ENTRY}/messages", desk.say_to_queued, needs=_BOOK, purpose=_CARE, status=204, errors=_TELLING),
    operation("GET", f"{ENTRY}/place", own_place.read_own_place, needs=_JOIN, purpose=_OWN, errors=(NotFound,)),
    operation("GET", f"{ENTRY}/place/stream", streams.follow_own_place, needs=_JOIN, purpose=_OWN, answers=EVENTS),
    operation(
        "POST", f"{VISIT}/messages", desk.say_to_waiting, needs=_BOOK, purpose=_CARE, status=204, errors=_TELLING
    ),
    operation("PUT", LATE, desk.say_late, needs=_BOOK, purpose=_CARE, errors=(NotFound,)),
)
PAGES = (
    page("GET", "/", pages.front_door, needs=PUBLIC),
    page("GET", "/day", pages.day, needs=_READ, purpose=_CARE),
    page("POST", "/late", desk.run_late, needs=_BOOK, purpose=_CARE, errors=(NotFound,)),
    page("POST", "/visits/{visit:uuid}/message", desk.tell_waiting, needs=_BOOK, purpose=_CARE, errors=_TELLING),
    page("GET", "/queue", desk.queue_page, needs=_BOOK, purpose=_CARE, stays=("patient",)),
    page("POST", "/queue", desk.find_to_queue, needs=_BOOK, purpose=_CARE),
    page("POST", "/queue/next", desk.call_next, needs=_HOST, purpose=_CARE, keyed=True),
    page(
        "POST",
        "/queue/add/{patient:uuid}",
        desk.put_in_queue,
        needs=_BOOK,
        purpose=_CARE,
        errors=(NotFound, UnfitPlace),
    ),
    page("POST", "/queue/{entry:uuid}/leave", desk.take_off_queue, needs=_BOOK, purpose=_CARE, errors=_WAITING),
    page("POST", "/queue/{entry:uuid}/message", desk.tell_queued, needs=_BOOK, purpose=_CARE, errors=_TELLING),
    page("GET", "/wait/{link}", own_place.wait, needs=PUBLIC),
    page("POST", "/wait/{link}", own_place.identify_waiting, needs=PUBLIC, purpose=_OWN),
    page("POST", "/visit/leave", own_place.leave_own_place, needs=_JOIN, purpose=_OWN, errors=_WAITING),
    page("GET", "/visit", own_page.own_visit, needs=_JOIN, purpose=_OWN),
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

"""All the ways in to a time: book, choose, repeat, invite, wait and be offered, give it up."""

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotAllowed, NotFound, Refusal, Stale
from telehealth.http.operation import PUBLIC, operation, page
from telehealth.scheduling.booking.rules import SLOT_REFUSALS, CalendarBusy, HoldExpired
from telehealth.scheduling.recurrence.rules import InvalidRecurrence
from telehealth.scheduling.waitlist.rules import AlreadyListed, NotWaiting, OfferExpired, OfferGone, UnfitWish
from telehealth.visits.appointments import bookings, cancelling, choosing, desk, offering
from telehealth.visits.lifecycle.repeats import SeriesConflict
from telehealth.visits.lifecycle.rules import NotNow

_BOOKING: tuple[type[Refusal], ...] = (NotFound, NotAllowed, CalendarBusy, *SLOT_REFUSALS)
_SERIES = (NotFound, InvalidRecurrence, CalendarBusy)
_CHANGING = (NotFound, NotNow, Stale)
_BOOK, _READ, _JOIN = Scope.VISITS_BOOK, Scope.VISITS_READ, Scope.VISITS_JOIN
_CARE, _OWN = Purpose.TREATMENT, Purpose.PATIENT_REQUEST
VISIT, SERIES = "/v1/visits/{visit:uuid}", "/v1/series/{series:uuid}"
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
)
PAGES = (
    page("GET", "/waitlist", offering.waitlist_page, needs=_BOOK, purpose=_CARE),
    page("POST", "/waitlist", offering.find_to_wait, needs=Scope.PATIENTS_FIND),
    page("GET", "/waitlist/add/{patient:uuid}", offering.wait_form, needs=_BOOK, purpose=_CARE),
    page("POST", "/waitlist/add/{patient:uuid}", offering.put_on_waitlist, needs=_BOOK, purpose=_CARE, errors=_LISTING),
    page(
        "GET", "/waitlist/{wait:uuid}", offering.times_to_offer, needs=_BOOK, purpose=_CARE, stays=("clinician", "day")
    ),
    page("POST", "/waitlist/{wait:uuid}", offering.offer_by_hand, needs=_BOOK, purpose=_CARE, errors=(NotWaiting,)),
    page("POST", "/waitlist/{wait:uuid}/withdraw", offering.take_off_waitlist, needs=_BOOK, purpose=_CARE),
    page("GET", "/offers/{secret}", offering.offered, needs=PUBLIC),
    page("POST", "/offers/{secret}", offering.answer, needs=PUBLIC, purpose=_OWN),
    page("GET", "/book", desk.find, needs=_BOOK),
    page("POST", "/book", desk.found, needs=Scope.PATIENTS_FIND),
    page("POST", "/book/patients", desk.register, needs=Scope.PATIENTS_WRITE),
    page(
        "GET",
        "/book/{patient:uuid}",
        desk.times,
        needs=_BOOK,
        purpose=_CARE,
        stays=("visit_type", "clinician", "location", "day", "invited"),
    ),
    page("POST", "/book/{patient:uuid}", desk.choose, needs=_BOOK, purpose=_CARE),
    page("POST", "/book/{patient:uuid}/other", desk.choose_other, needs=_BOOK, purpose=_CARE),
    page("POST", "/book/{patient:uuid}/invitation", desk.send_invitation, needs=_BOOK, purpose=_CARE, keyed=True),
    page("GET", "/times", choosing.invited_times, needs=PUBLIC, purpose=_OWN),
    page("POST", "/times", choosing.choose_invited, needs=PUBLIC, purpose=_OWN),
    page("GET", "/times/{link}", choosing.invitation, needs=PUBLIC),
    page("POST", "/times/{link}", choosing.identify_invited, needs=PUBLIC, purpose=_OWN),
    page("GET", "/visit/times", choosing.own_times, needs=_JOIN, purpose=_OWN),
    page("GET", "/visit/times/chosen", choosing.asked_to_move, needs=_JOIN, purpose=_OWN),
    page("POST", "/visit/times", choosing.move_own, needs=_JOIN, purpose=_OWN),
    page("GET", cancelling.PATH, cancelling.ask, needs=_JOIN, purpose=_OWN),
    page("POST", cancelling.PATH, cancelling.call_off, needs=_JOIN, purpose=_OWN),
)
SOCKETS = ()

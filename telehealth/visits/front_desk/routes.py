"""All the ways in to the front desk."""

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotAllowed, NotFound, Refusal
from telehealth.http.operation import page
from telehealth.visits.front_desk import choosing, pages

_BOOK, _FIND, _CARE = Scope.VISITS_BOOK, Scope.PATIENTS_FIND, Purpose.TREATMENT
_ERRORS: tuple[type[Refusal], ...] = (NotFound, NotAllowed)
VISIT = "/visits/{visit:uuid}"
OPERATIONS = ()
PAGES = (
    page("GET", "/desk", pages.front_desk, needs=_BOOK),
    page("POST", "/desk", pages.look_up, needs=_FIND),
    page("GET", "/desk/{patient:uuid}", pages.patients_visits, needs=_BOOK, purpose=_CARE, errors=_ERRORS),
    page("GET", f"{VISIT}/desk", pages.visit_at_desk, needs=_BOOK, purpose=_CARE, errors=_ERRORS),
    page("POST", f"{VISIT}/desk", pages.act_at_desk, needs=_BOOK, purpose=_CARE, errors=_ERRORS),
    page(
        "GET",
        f"{VISIT}/times",
        choosing.other_times,
        needs=_BOOK,
        purpose=_CARE,
        errors=_ERRORS,
        stays=("clinician", "location", "day"),
    ),
    page("POST", f"{VISIT}/times", choosing.move_at_desk, needs=_BOOK, purpose=_CARE, errors=_ERRORS),
)
SOCKETS = ()

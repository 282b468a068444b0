"""The pages of the front desk with data that hurts."""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import cycle
from types import SimpleNamespace as Data

from telehealth.people.jurisdictions import choices
from telehealth.visits.front_desk.forms import FRESH, REASONS
from telehealth.visits.front_desk.rules import AT_THE_DESK
from telehealth.visits.lifecycle.parts import Step
from telehealth.visits.lifecycle.rules import TRANSITIONS, Command
from tests.web.participants import PEOPLE
from tests.web.prepared import GATES
from tests.web.sample import DESK, HERE, ME, NAMES, NOW, VISIT_ID, Sample

_CLINIC = {"clinic": "Riverside Clinic"}
_HEIRS = [Data(id="c1", name=ME.name), Data(id="c2", name="Dr. Ada Lindqvist")]
_PATIENT = Data(id="p1", name=NAMES[2], birth_date=date(1958, 11, 2), language="ar", phone="+15075550134")
_FORM = {"name": "", "birth_day": "", "birth_month": "", "birth_year": ""}
_FINDING: Mapping[str, object] = {
    **_CLINIC,
    "me": DESK,
    "told": "contact",
    "patient": None,
    "form": _FORM,
    "errors": [],
    "matches": None,
}
_WRONG = [Data(field="birth_month", code="incomplete"), Data(field="name", code="required")]
_LISTED = [
    Data(id=f"v{at}", starts_at=NOW + timedelta(days=at), status=status, clinician_name=ME.name)
    for at, status in enumerate(("ready", "booked", "patient_no_show"))
]
_VISIT = {
    "id": VISIT_ID,
    "starts_at": NOW,
    "minutes": 20,
    "status": "ready",
    "revision": 7,
    "check": "poor",
    "misplaced": True,
    "waiting_since": NOW,
    "visit_type": "Video visit",
    "clinician_name": ME.name,
    "away": True,
    "waits": True,
    "open": True,
}
_ROLES = ("patient", "front_desk", "clinician", "system", "integration")
_HISTORY = [
    Data(
        at=NOW + timedelta(minutes=at),
        command=command,
        role=_ROLES[at % len(_ROLES)],
        cause="consent" if command is Command.WAIVE else "other" if command is Command.CANCEL else "",
        after="ready",
        to=ME.name if command is Command.HAND_OVER else "",
        moved_to=NOW if command is Command.RESCHEDULE else None,
    )
    for at, command in enumerate(dict.fromkeys(row.command for row in TRANSITIONS))
]
_PARTS = [
    Data(at=NOW, name=NAMES[at % len(NAMES)], kind="family", step=step, role=role, again=at % 2 == 0)
    for at, (step, role) in enumerate(zip(Step, cycle(("guest", "anonymous", "system")), strict=False))
]
_SHOWN: Mapping[str, object] = {
    **_CLINIC,
    "me": DESK,
    "zone": HERE,
    "now": NOW,
    "patient": _PATIENT,
    "visit": Data(**_VISIT),
    "may": AT_THE_DESK,
    "reasons": REASONS,
    "heirs": _HEIRS,
    "people": PEOPLE,
    "gates": GATES,
    "withdrawn": True,
    "said": "Meine Enkelin hat Fieber",
    "waivable": ("intake",),
    "parts": _PARTS,
    "history": _HISTORY,
    "changed": [],
    "told": "arrive",
    "typed": FRESH,
    "errors": [],
    "refused": "",
}
_OVER = {**_VISIT, "status": "cancelled", "waits": False, "open": False, "misplaced": False, "waiting_since": None}
_DONE = {"visit": Data(**_OVER), "may": (), "waivable": (), "told": "", "refused": "stale", "changed": _HISTORY}
_ERRORS = [
    Data(field="reason-cancel", code="required"),
    Data(field="clinician", code="required"),
    Data(field="why-intake", code="required"),
]
_UNFIT = {"told": "", "errors": _ERRORS, "typed": {**FRESH, "command": "cancel", "gate": "intake"}}
_DAY = Data(
    day=date(2026, 3, 4),
    times=[
        Data(start=NOW + timedelta(days=1, minutes=20 * at), offer=f"o{at}", clinicians=2, seats_left=None, there=None)
        for at in range(9)
    ],
)
_TIMES = {
    **_CLINIC,
    "me": DESK,
    "zone": HERE,
    "patient_name": NAMES[1],
    "visit": Data(id=VISIT_ID, starts_at=NOW, revision=3),
    "clinicians": _HEIRS,
    "chosen": "c1",
    "anyone": True,
    "place": Data(options=choices(["US-CA"]), chosen="US-CA"),
    "free": Data(first=date(2026, 3, 4), days=[_DAY], earlier=None, later=date(2026, 3, 11), next_free=None),
    "refused": "",
}
_CONTACT = {
    **_CLINIC,
    "me": DESK,
    "zone": HERE,
    "patient": _PATIENT,
    "seen": {"email": "a.very.long.name.of.somebody@mail.hospital-of-the-region.example", "phone": "+1 507 555 0134"},
    "form": {"email": "rosa", "phone": "555", "confirmed": ["email"]},
    "failed": {"email": NOW, "sms": NOW},
    "errors": [Data(field="email", code="email"), Data(field="phone", code="phone")],
    "stale": False,
}
_CHANGED = {"seen": {"email": "", "phone": ""}, "failed": {"email": None, "sms": None}, "errors": [], "stale": True}
_HERE, _AT = f"/visits/{VISIT_ID}/desk", f"/visits/{VISIT_ID}/times"

FRONT_DESK = (
    Sample("desk", "desk.html", {**_FINDING, "errors": _WRONG}, "/desk"),
    Sample("desk_found", "desk.html", {**_FINDING, "matches": [_PATIENT]}, "/desk"),
    Sample("desk_nobody", "desk.html", {**_FINDING, "matches": []}, "/desk"),
    Sample("desk_patient", "desk.html", {**_FINDING, "patient": _PATIENT, "zone": HERE, "visits": _LISTED}, "/desk/p1"),
    Sample("contact", "contact.html", _CONTACT, "/desk/p1/contact"),
    Sample("contact_changed", "contact.html", {**_CONTACT, **_CHANGED}, "/desk/p1/contact"),
    Sample("desk_visit", "desk_visit.html", _SHOWN, _HERE),
    Sample("desk_visit_over", "desk_visit.html", {**_SHOWN, **_DONE}, _HERE),
    Sample("desk_visit_wrong", "desk_visit.html", {**_SHOWN, **_UNFIT}, _HERE),
    Sample("desk_times", "desk_times.html", _TIMES, _AT),
    Sample("desk_times_taken", "desk_times.html", {**_TIMES, "refused": "slot-taken"}, _AT),
    Sample("desk_times_late", "desk_times.html", {**_TIMES, "free": None, "refused": "stale"}, _AT),
)

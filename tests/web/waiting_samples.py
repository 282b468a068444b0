"""The pages of the queue with data that hurts."""

from datetime import date, timedelta
from types import SimpleNamespace as Data

from telehealth.people.jurisdictions import choices
from tests.web.sample import DESK, HERE, ME, NAMES, NOW, THERE, VISIT_ID, Sample

_CLINIC = {"clinic": "Riverside Clinic", "phone": "+15075550134"}
_TYPES = [Data(id="a", name="Video visit"), Data(id="b", name="Group by video")]
_MATCH = Data(id="p1", name=NAMES[0], birth_date=date(1958, 11, 2))
MESSAGES = [
    Data(said_at=NOW, code="longer", words=""),
    Data(said_at=NOW - timedelta(minutes=9), code=None, words="Bitte haben Sie Geduld, la doctora está de camino"),
]
LATE = {"told": "late", "late": Data(minutes=10, clinicians=[])}
LATE_DESK = Data(minutes=0, clinicians=[Data(id="c", name=ME.name), Data(id="d", name="Dr. Ada Lindqvist")])


def _in_queue(at: int, **more: object) -> Data:
    known: dict[str, object] = {
        "id": f"q{at}",
        "position": at + 1,
        "patient_name": NAMES[at],
        "language": ("es", "ar", "en")[at],
        "visit_type": "Video visit",
        "jurisdiction": None,
        "urgent": False,
        "came_at": NOW - timedelta(minutes=12),
        "here": True,
        "gone": False,
        "estimate": Data(low=5, high=20),
        "status": "ready",
    }
    return Data(**(known | more))


_LINE = [
    _in_queue(0, urgent=True, estimate=Data(low=0, high=5)),
    _in_queue(1, jurisdiction="US-CA", here=False, gone=True),
    _in_queue(2, here=False, estimate=None),
]
_SERVED = {
    **_CLINIC,
    "me": ME,
    "zone": HERE,
    "now": NOW,
    "press": VISIT_ID,
    "stream": "/v1/queue/stream",
    "told": "",
    "entries": _LINE,
    "link": None,
    "late": LATE["late"],
    "visit_types": _TYPES,
    "place": Data(options=choices(["US-CA"]), chosen=""),
    "patient": None,
    "form": {"name": "", "birth_day": "", "birth_month": "", "birth_year": ""},
    "matches": None,
    "errors": [],
}
_OWN_PLACE = {
    **_CLINIC,
    "zone": THERE,
    "emergency": "911",
    "stream": "/v1/queue/q1/place/stream",
    "waits": True,
    "ahead": 3,
    "estimate": Data(low=10, high=25),
    "away": False,
    "told": MESSAGES,
}

WAITING = (
    Sample("queue", "queue.html", {**_SERVED, "told": "nobody"}, "/queue"),
    Sample("queue_found", "queue.html", {**_SERVED, "me": DESK, "late": LATE_DESK, "matches": [_MATCH]}, "/queue"),
    Sample(
        "queue_add",
        "queue.html",
        {**_SERVED, "entries": [], "patient": _MATCH, "link": "https://clinic.example/wait/Qm9zVtL0nA4pT1xYb7kEwRr2"},
        "/queue",
    ),
    Sample("place", "place.html", _OWN_PLACE, "/visit"),
    Sample("place_next", "place.html", {**_OWN_PLACE, "ahead": 0, "estimate": None, "told": []}, "/visit"),
    Sample("place_left", "place.html", {**_OWN_PLACE, "waits": False, "ahead": None}, "/visit"),
)

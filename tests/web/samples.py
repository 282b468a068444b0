"""Every page with data that hurts: long names, both directions, every status."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace as Data

from telehealth.people.jurisdictions import choices
from telehealth.scheduling.availability.forms import AwayForm, DayForm, TripForm
from tests.web.alerts import ALERTS, tasks
from tests.web.desk_samples import FRONT_DESK
from tests.web.note_samples import AMENDED, COSIGNING, LATE_NOTES, SIGNED, TYPED, WRITING, asked, note
from tests.web.own_time_samples import OWN_TIMES
from tests.web.participants import PARTICIPANTS, PEOPLE
from tests.web.prepared import BEFORE, PREPARED, TOLD
from tests.web.problem_samples import PROBLEMS
from tests.web.sample import DESK, HERE, ME, NAMES, NOW, THERE, VISIT_ID, Sample
from tests.web.task_samples import OFFICE
from tests.web.waiting_samples import LATE, LATE_DESK, MESSAGES, WAITING

STATUSES = ("ready", "arrived", "in_progress", "booked", "ended", "completed", "patient_no_show")
CHECKS = ("good", "fair", "poor", None, "failed", "waived", None)


def _visit(**more: object) -> Data:
    known = {
        "id": VISIT_ID,
        "starts_at": NOW + timedelta(minutes=5),
        "minutes": 20,
        "patient_name": NAMES[0],
        "clinician_name": ME.name,
        "birth_date": date(1958, 11, 2),
        "language": "es",
        "status": "ready",
        "waiting_since": NOW - timedelta(minutes=4),
        "check": "good",
        "misplaced": False,
        "away": False,
    }
    return Data(**(known | more))


def _board() -> list[Data]:
    return [
        _visit(
            id=f"{VISIT_ID[:-1]}{at}",
            starts_at=NOW + timedelta(minutes=20 * at - 60),
            patient_name=NAMES[at % len(NAMES)],
            language=("es", "ar", "en", "fr")[at % 4],
            status=status,
            waiting_since=NOW - timedelta(minutes=4) if status in {"ready", "arrived"} else None,
            check=CHECKS[at],
            **dict.fromkeys(("misplaced", "withdrawn"), status == "arrived"),
            away=status == "ready",
        )
        for at, status in enumerate(STATUSES)
    ]


def _days() -> list[Data]:
    return [
        Data(
            day=date(2026, 3, day),
            times=[
                Data(start=datetime(2026, 3, day, 8, tzinfo=UTC) + timedelta(minutes=20 * at), offer=f"o{day}{at}")
                for at in range(7)
            ],
        )
        for day in (4, 5)
    ]


def _free(**more: object) -> Data:
    """Free times of two days; here and there have other clocks."""
    days = [
        Data(
            day=each.day,
            times=[
                Data(**vars(time), clinicians=1 + at % 3, seats_left=None, there=HERE)
                for at, time in enumerate(each.times)
            ],
        )
        for each in _days()
    ]
    around = {"earlier": None, "later": date(2026, 3, 11), "next_free": None}
    return Data(**({"first": date(2026, 3, 4), "days": days, **around} | more))


_CLINIC = {"clinic": "Riverside Clinic"}
_STAFF = {**_CLINIC, "me": ME, "zone": HERE, "now": NOW}
_ZONES = {"zones": ["America/Chicago", "Asia/Riyadh", "Europe/Paris"]}
_HOURS = {
    "zone": "Europe/Paris",
    "from_1a": "09:00",
    "to_1a": "12:00",
    "from_1b": "13:30",
    "to_1b": "17:00",
    **DayForm().shown(),
    **AwayForm(away_first="2026-04-06", away_reason="conférence").shown(),
    **TripForm().shown(),
}
_DATES = {
    "home": HERE,
    "days": [
        Data(day=date(2026, 3, 6), windows=[("08:00", "12:00"), ("18:00", "00:00")]),
        Data(day=date(2026, 3, 9), windows=[]),
    ],
    "away": [
        Data(id="a1", first=date(2026, 3, 16), last=date(2026, 3, 27), start=None, end=None, reason="Congrès à Lyon"),
        Data(id="a2", first=NOW.date(), last=NOW.date(), start=NOW, end=NOW + timedelta(hours=1), reason=""),
    ],
    "trips": [Data(first=date(2026, 5, 4), last=date(2026, 5, 8), time_zone="America/Argentina/Buenos_Aires")],
    "outside": [Data(id=f"v{at}", starts_at=NOW + timedelta(days=at), patient_name=NAMES[at]) for at in (1, 2)],
}
_NO_DATES = {"home": HERE, **{key: [] for key in ("days", "away", "trips", "outside")}}
_WRONG_HOURS = [
    *(Data(field=field, code="order") for field in ("to_1b", "day_to_a", "away_last")),
    *(Data(field=field, code="required") for field in ("day_date", "away_reason", "trip_zone")),
]
_BIRTH = {"birth_day": "2", "birth_month": "11", "birth_year": "1958"}
_PERSON = {"name": "Rosa", "given_name": "Rosa", "family_name": "", "email": "x", "phone": "", "language": "es"}
_FORM = {**_BIRTH, **_PERSON, "zone": "America/Chicago", "another": "yes"}
_TYPES = [
    Data(id="a", name="Video visit", minutes=20, seats=1),
    Data(id="b", name="Group by video", minutes=10, seats=8),
]
_PHONE = {"phone": "+15075550134"}
_PATIENT: dict[str, object] = {
    **_CLINIC,
    **_PHONE,
    "zone": THERE,
    "visit": _visit(),
    "emergency": "911",
    "opens_at": NOW,
    "place": None,
    "to_prepare": False,
    **dict.fromkeys(("intake", "agreed", "movable", "cancellable"), True),
    "told": [],
    "late": 0,
    "estimate": Data(low=5, high=15),
}
_PLACE = Data(options=choices(["DE-BY"]), chosen="US-NV", misplaced=True)
_CALENDARS = [
    Data(id="k1", name="Own", clinician_name="Dr. Ada Lindqvist", withheld=True),
    Data(id="k2", name="Choir", clinician_name="Dr. Grace Okafor", withheld=False),
]
_BOARD = {
    **LATE | {"late_notes": LATE_NOTES},
    "lost": [Data(id="v9", patient_name=NAMES[2], clinician_name="Dr. Ada Lindqvist", at=NOW)],
    "stream": "/v1/board/stream",
    "visits": _board(),
    "follow_ups": tasks(),
    "calendars": [],
    "alerts": [],
}
_FIND = {"me": DESK, "errors": [], "patient": None, "form": _FORM, "born": date(1958, 11, 2), "alike": False, **_ZONES}
_MATCH = Data(id="p1", name=NAMES[0], birth_date=date(1958, 11, 2), zone=THERE)
_TIMES = {
    "errors": [],
    "patient": _MATCH,
    "visit_types": _TYPES,
    "clinicians": [Data(id="c", name=ME.name)],
    "chosen": Data(visit_type="a", clinician="c", day="2026-03-04"),
    "days": _days(),
}
_OTHER = {"other_clinician": "", "other_day": "", "other_time": "", "other_reason": ""}
_BOOK_TIMES = {
    **_STAFF,
    **_TIMES,
    "me": DESK,
    "anyone": True,
    "free": _free(earlier=date(2026, 3, 3)),
    "refused": "",
    **dict.fromkeys(("place", "invited")),
    "press": "0195bb2e-7c00-7000-8000-000000000002",
    "other": _OTHER,
}
_SENT = Data(mailed_to=None, expires_at=NOW, link="https://clinic.example/times/Qm9zVtL0nA4pT1xYb7kEwRr2")
_CHOOSE = {
    **_CLINIC,
    **_PHONE,
    **_ZONES,
    "visit_type": _TYPES[0],
    "clinician": ME.name,
    "now": None,
    "zone": THERE,
    "free": _free(),
    "place": None,
    "refused": "",
    "cancelled": False,
}
_NONE_FREE = _free(days=[], next_free=date(2026, 3, 17))
_CHOSEN = {**_CLINIC, **_PHONE, "zone": THERE, "there": HERE, "visit": _visit(), "stands": True, "link": "/join/x"}
_FRAMED: Mapping[bool, Mapping[str, object]] = {True: _STAFF, False: {**_CLINIC, **_PHONE}}
_OF_PARTICIPANTS = [(name, page, _FRAMED[staff], shown, path) for name, page, shown, path, staff in PARTICIPANTS]
_BESIDE = {**BEFORE, "answers": None, "people": PEOPLE[3:6], "follow_ups": tasks()}
ROOM = f"/visits/{VISIT_ID}"
_ROOM = {
    **_STAFF,
    **_BESIDE,
    "fault": "",
    "stream": f"/v1/visits/{VISIT_ID}/stream",
    **WRITING,
}
_ROOMS: Mapping[str, Mapping[str, object]] = {
    "waiting": {"visit": _visit(), "note": note()},
    "live": {
        "visit": _visit(status="in_progress"),
        "note": note(content=TYPED, saved_at=NOW),
        "answers": TOLD,
        "preview": SIGNED[0].words,
    },
    "refused": {"visit": _visit(), "note": note(content=TYPED), "fault": "The note is empty"},
    "signed": {
        "visit": _visit(status="completed", check=None),
        "note": note(content=TYPED, state="delivered", signed_at=NOW),
        "versions": SIGNED,
    },
    "amended": {"visit": _visit(), "note": note(state="held", signed_at=NOW), "versions": AMENDED},
    "addendum": {"visit": _visit(), "note": note(amendment="appends"), "versions": AMENDED},
    "preliminary": {"visit": _visit(), "note": note(state="preliminary", cosignature=asked("awaited"))},
    "returned": {"visit": _visit(), "note": note(content=TYPED, cosignature=asked("returned"))},
}
_OFFER = Data(
    start=NOW + timedelta(hours=2),
    end=NOW + timedelta(hours=2, minutes=20),
    expires_at=NOW + timedelta(minutes=15),
    mode="broadcast",
)
_ANSWER = {
    **_CLINIC,
    **_PHONE,
    "stage": "open",
    "offer": _OFFER,
    "zone": THERE,
    "their_zone": HERE,
    "instead_of": NOW + timedelta(days=9),
    "error": None,
    "tries_left": None,
    "form": dict.fromkeys(_BIRTH, ""),
    "clinician": "",
    "link": None,
    "why": None,
}


def _waiting(at: int, **more: object) -> Data:
    known: dict[str, object] = {
        "id": f"w{at}",
        "patient_name": NAMES[at],
        "visit_type": "Video visit",
        "clinicians": [],
        "first": None,
        "last": None,
        "wishes": [],
        "zone": THERE,
        "joined_at": NOW - timedelta(days=at),
        "priority": 0,
        "instead_of": None,
        "offer": None,
    }
    return Data(**(known | more))


_WISHED = {"wishes": [Data(start="09:00", end="12:00", weekdays=[1, 2])], "instead_of": NOW + timedelta(days=9)}
_QUEUE = [
    _waiting(2, priority=10, clinicians=[ME.name, "Dr. Ada Lindqvist"], first=date(2026, 3, 4), last=date(2026, 3, 9)),
    _waiting(1, offer=Data(id="o", start=NOW, expires_at=NOW + timedelta(minutes=15), clinician_name=ME.name)),
    _waiting(0, **_WISHED),
]
_WAITLIST = {
    "me": DESK,
    "errors": [],
    "form": {**dict.fromkeys(_BIRTH, ""), "name": ""},
    "entries": _QUEUE,
    "told": "offered",
}
_WAIT_FORM = dict.fromkeys(("visit_type", "clinician", "visit", "first", "last", "weekdays", "end", "lead"), "")
_WAIT = {
    "patient": _MATCH,
    "visit_types": _TYPES,
    "clinicians": _TIMES["clinicians"],
    "visits": [_visit()],
    "form": {**_WAIT_FORM, "start": "18:00", "priority": "10"},
    "errors": [Data(field="end", code="order")],
}

SAMPLES = (
    Sample("sign_in", "sign_in.html", {**_CLINIC, "email": "", "next": "/day", "error": None}),
    Sample("sign_in_refused", "sign_in.html", {**_CLINIC, "email": "a@b.c", "next": "/day", "error": "credentials"}),
    Sample("day", "day.html", {**_STAFF, **_BOARD}, "/day"),
    Sample("day_empty", "day.html", {**_STAFF, **_BOARD, "visits": [], "follow_ups": [], "late_notes": []}, "/day"),
    Sample(
        "day_desk",
        "day.html",
        {
            **_STAFF,
            **_BOARD,
            "me": DESK,
            "calendars": _CALENDARS,
            "alerts": ALERTS,
            "told": "message",
            "late": LATE_DESK,
        },
        "/day",
    ),
    Sample("book_unknown", "book.html", {**_STAFF, **_FIND, "me": ME, "matches": []}, "/book"),
    Sample(
        "hours", "hours.html", {**_STAFF, **_ZONES, **_DATES, "form": _HOURS, "errors": [], "saved": True}, "/hours"
    ),
    Sample(
        "hours_wrong",
        "hours.html",
        {**_STAFF, **_ZONES, **_NO_DATES, "form": _HOURS, "errors": _WRONG_HOURS, "saved": False},
    ),
    Sample("book", "book.html", {**_STAFF, **_FIND, "matches": None}, "/book"),
    Sample("book_found", "book.html", {**_STAFF, **_FIND, "matches": [_MATCH]}, "/book"),
    Sample("book_alike", "book.html", {**_STAFF, **_FIND, "matches": [_MATCH], "alike": True}, "/book"),
    Sample(
        "book_wrong",
        "book.html",
        {
            **_STAFF,
            **_FIND,
            "matches": [],
            "errors": [Data(field="family_name", code="required"), Data(field="email", code="invalid")],
        },
        "/book",
    ),
    Sample("book_times", "book.html", _BOOK_TIMES, "/book/p1"),
    Sample(
        "book_other",
        "book.html",
        {
            **_BOOK_TIMES,
            "place": _PLACE,
            "refused": "patient-conflict",
            "invited": _SENT,
            "free": _NONE_FREE,
            "other": {**_OTHER, "other_reason": "asked for by the ward"},
            "errors": [Data(field="other_day", code="required"), Data(field="other_clinician", code="required")],
        },
        "/book/p1/other",
    ),
    Sample(
        "booked",
        "booked.html",
        {
            **_STAFF,
            "visit": _visit(),
            "patient_zone": THERE,
            "link": "https://clinic.example/j/Qm9zVtL0nA4pT1xYb7kEwRr2",
            "mailed_to": "rosa@example.org",
        },
    ),
    *(Sample(name, "cosign.html", {**_STAFF, **shown}, f"{ROOM}/cosign") for name, shown in COSIGNING.items()),
    *(Sample(f"room_{name}", "room.html", {**_ROOM, **shown}, ROOM) for name, shown in _ROOMS.items()),
    Sample(
        "join", "join.html", {**_CLINIC, **_PHONE, "error": None, "tries_left": None, "form": dict.fromkeys(_BIRTH, "")}
    ),
    *(Sample(name, page, {**frame, **shown}, path) for name, page, frame, shown, path in _OF_PARTICIPANTS),
    Sample("join_wrong", "join.html", {**_CLINIC, **_PHONE, "error": "mismatch", "tries_left": 3, "form": _BIRTH}),
    Sample("join_locked", "join.html", {**_CLINIC, **_PHONE, "error": "locked", "tries_left": 0, "form": _BIRTH}),
    *(
        Sample(f"visit_{stage}", "visit.html", {**_PATIENT, "stage": stage}, "/visit")
        for stage in ("early", "check", "waiting", "call", "ended", "over")
    ),
    Sample("visit_unprepared", "visit.html", {**_PATIENT, "stage": "early", "to_prepare": True}, "/visit"),
    *(Sample(*each) for each in PREPARED),
    Sample("visit_told", "visit.html", {**_PATIENT, "stage": "waiting", "told": MESSAGES, "late": 20}, "/visit"),
    *WAITING,
    *FRONT_DESK,
    *OFFICE,
    Sample("visit_misplaced", "visit.html", {**_PATIENT, "stage": "check", "place": _PLACE}, "/visit"),
    *PROBLEMS,
    Sample("choose", "choose.html", _CHOOSE, "/times"),
    Sample("choose_again", "choose.html", {**_CHOOSE, "now": NOW, "refused": "slot-taken"}, "/visit/times"),
    Sample("choose_none", "choose.html", {**_CHOOSE, "place": _PLACE, "free": _NONE_FREE}, "/times"),
    Sample("choose_late", "choose.html", {**_CHOOSE, "now": NOW, "free": None}, "/visit/times"),
    *OWN_TIMES,
    Sample("chosen", "chosen.html", {**_CHOSEN, "mailed_to": "rosa@example.org"}, "/times"),
    Sample("chosen_over", "chosen.html", {**_CLINIC, **_PHONE, "visit": None}, "/times"),
    Sample("waitlist", "waitlist.html", {**_STAFF, **_WAITLIST, "matches": [_MATCH]}, "/waitlist"),
    Sample("waitlist_empty", "waitlist.html", {**_STAFF, **_WAITLIST, "entries": [], "matches": None}, "/waitlist"),
    Sample("waitlist_add", "waitlist_add.html", {**_STAFF, **_WAIT}, "/waitlist/add/p1"),
    Sample(
        "waitlist_offer",
        "waitlist_offer.html",
        {**_STAFF, **_TIMES, "entry": _QUEUE[0], "told": "slot-taken"},
        "/waitlist/w1",
    ),
    Sample("offer", "offer.html", {**_ANSWER, "error": "mismatch", "tries_left": 2, "form": _BIRTH}, "/offers/x"),
    Sample("offer_locked", "offer.html", {**_ANSWER, "error": "locked"}, "/offers/x"),
    Sample("offer_gone", "offer.html", {**_ANSWER, "stage": "gone", "why": "patient-conflict"}, "/offers/x"),
    Sample(
        "offer_accepted",
        "offer.html",
        {**_ANSWER, "stage": "accepted", "clinician": ME.name, "link": "/join/x"},
        "/offers/x",
    ),
)

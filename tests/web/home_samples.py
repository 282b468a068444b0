"""Questions that patients answer from home: asked, answered, too late, listed, read by staff, written by admins."""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace as Data

from telehealth.http.schemas import FieldError
from telehealth.visits.gates.questionnaires import Spoken
from tests.web.prepared import questions
from tests.web.sample import HERE, ME, NAMES, NOW, VISIT_ID, Sample

ADMIN = Data(name="Admin", role="admin")
_CLINIC = {"clinic": "Riverside Health", "phone": "+1 507 555 0100", "emergency": "112"}
_AT = {"of_task": True, "zone": HERE, "ends_at": NOW + timedelta(days=1), "at": "/visit/questions/r1"}
_OPEN = {
    **_CLINIC,
    **_AT,
    "standing": "open",
    "title": "Blood pressure in the morning and in the evening",
    "questions": questions(),
    "errors": [],
    "names": {},
}
_WRONG = {
    "questions": questions(wrong="range"),
    "errors": [FieldError("a.day", "range"), FieldError("a.smokes", "required")],
    "names": {"a.day": "How many a day?", "a.smokes": "Do you smoke?"},
}


def _task(at: int, **more: object) -> Data:
    known: dict[str, object] = {
        "id": f"t{at}",
        "kind": "questionnaire",
        "title": "",
        "questions": Spoken("Blood pressure", {"ar": "ضغط الدم", "es": "Tensión arterial"}),
        "request": f"r{at}",
        "due_at": NOW + timedelta(days=at),
        "ends_at": NOW + timedelta(days=at + 1),
        "closed_at": NOW,
        "standing": "open",
    }
    return Data(**known | more)


_PLAIN = {"kind": "custom", "questions": None, "request": None, "title": "Marcher une demi-heure chaque jour" * 2}
_LIST = {
    **_CLINIC,
    "zone": HERE,
    "told": "done",
    "now": [_task(0), _task(1, **_PLAIN), _task(2, standing="late"), _task(3, **_PLAIN, standing="late")],
    "ahead": [_task(4, request=None), _task(5, **_PLAIN)],
    "more": 9,
    "done": [_task(6, standing="answered"), _task(7, **_PLAIN)],
}


def _row(at: int, **more: object) -> Data:
    known: dict[str, object] = {
        "due_at": NOW + timedelta(days=at),
        "answered_at": NOW + timedelta(days=at, hours=2),
        "missed": False,
        "cancelled": False,
        "values": ["128", "82.5", False],
    }
    return Data(**known | more)


_NO_ANSWER = {"answered_at": None, "values": ["", "", ""]}
_SERIES = {
    "clinic": "Riverside Health",
    "me": ME,
    "visit_id": VISIT_ID,
    "patient_name": NAMES[1],
    "zone": HERE,
    "now": NOW,
    "series": [
        Data(
            title="Blood pressure",
            columns=["Upper value (mmHg)", "القيمة السفلى", "Are you dizzy, and does it last longer than a minute?"],
            missed=1,
            ahead=3,
            rows=[
                _row(0),
                _row(1, **_NO_ANSWER, missed=True),
                _row(2, **_NO_ANSWER, cancelled=True),
                _row(3, **_NO_ANSWER),
                _row(4, values=["192", "110", True]),
            ],
        ),
        Data(title="Weight", columns=["Weight"], missed=0, ahead=2, rows=[]),
    ],
}
_FORMS = {
    "clinic": "Riverside Health",
    "me": ADMIN,
    "zone": HERE,
    "forms": [
        Data(code="bp", version=3, published_at=NOW, title="Blood pressure", content=Data(thresholds=[1, 2])),
        Data(code="weight", version=1, published_at=NOW, title="الوزن", content=Data(thresholds=[])),
    ],
    "told": "retired",
    "errors": [],
    "typed": "",
}
_FORM = {
    "clinic": "Riverside Health",
    "me": ADMIN,
    "code": "bp",
    "version": 3,
    "typed": '{\n  "resourceType": "Questionnaire"\n}',
    "rows": [1, 2],
    "form": {"item_1": "systolic", "comparison_1": "rises_by", "value_1": "20", "words_1": "Call: it rises"},
    "checked": Data(faults=(), unreadable=0, questions=questions()),
    "told": "published",
    "errors": [],
    "changed": False,
}
_FAULTY = {
    "told": "",
    "changed": True,
    "version": 0,
    "checked": Data(faults=[Data(line=4, link_id="pulse", detail="is no item")], unreadable=2, questions=()),
    "errors": [FieldError("item_1", "invalid"), FieldError("value_1", "invalid"), FieldError("kind_1", "invalid")],
}
_SCORED = [
    Data(link_id="overall", kind="integer", label=Spoken("How was the visit as a whole, from 0 to 10?")),
    Data(link_id="clear", kind="boolean", label=Spoken("Were picture and sound good enough?")),
]
_GROUP = {"month": NOW.date(), "visit_type": "Visite de contrôle par vidéo, longue", "asked": 1204, "answered": 803}
_SCORES = {"overall": Data(answers=800, average=Decimal("8.43")), "clear": Data(answers=5, average=Decimal("0.8"))}
_GROUPS = [Data(**_GROUP, scores=_SCORES), Data(**{**_GROUP, "asked": 7, "answered": None}, scores={})]
_TITLE = Spoken("How was your visit?", {"ar": "كيف كانت زيارتك؟"})
_SURVEY = {
    "me": ADMIN,
    "form": {"on": True, "questionnaire": "after-visit", "minutes": 120, "version": 3},
    "offered": [("after-visit", _TITLE), ("bp", Spoken("Blood pressure in the morning and in the evening"))],
    "retired": True,
    "results": [
        Data(form=Data(code="after-visit", version=2, questionnaire=Data(title=_TITLE)), items=_SCORED, groups=_GROUPS)
    ],
    "fewest": 5,
    "errors": [],
    "changed": False,
    "told": "saved",
}
_UNFIT = {
    "told": "",
    "retired": False,
    "changed": True,
    "results": [],
    "form": {"on": False, "questionnaire": "x", "minutes": "two hours", "version": 3},
    "errors": [FieldError("minutes", "minutes"), FieldError("questionnaire", "chosen")],
}
_KINDS = [
    Data(field="before.k1", name="Visite de contrôle par vidéo, longue, avec un interprète", now="1d, 1h, 10m"),
    Data(field="before.k2", name="Group", now=""),
]
_REMINDERS = {
    "me": ADMIN,
    "kinds": _KINDS,
    "typed": {each.field: each.now for each in _KINDS},
    "errors": [],
    "changed": False,
    "saved": True,
}
_SOON = {"saved": False, "changed": True, "typed": {"before.k1": "soon", "before.k2": "2h"}}
FROM_HOME = (
    Sample("admin_reminders", "admin_reminders.html", _REMINDERS, "/admin/reminders"),
    Sample("admin_reminders_none", "admin_reminders.html", {**_REMINDERS, "kinds": []}, "/admin/reminders"),
    Sample(
        "admin_reminders_wrong",
        "admin_reminders.html",
        {**_REMINDERS, **_SOON, "errors": [FieldError("before.k1", "reminders")]},
        "/admin/reminders",
    ),
    Sample("admin_survey", "admin_survey.html", _SURVEY, "/admin/survey"),
    Sample("admin_survey_wrong", "admin_survey.html", {**_SURVEY, **_UNFIT}, "/admin/survey"),
    Sample("asked_survey", "asked.html", {**_OPEN, "of_task": False}, "/visit/questions/r1"),
    Sample("asked", "asked.html", _OPEN, "/visit/questions/r1"),
    Sample("asked_wrong", "asked.html", {**_OPEN, **_WRONG}, "/visit/questions/r1"),
    Sample("asked_thanks", "asked.html", {**_CLINIC, **_AT, "standing": "answered", "again": False}),
    Sample("asked_again", "asked.html", {**_CLINIC, **_AT, "standing": "answered", "again": True}),
    Sample("asked_late", "asked.html", {**_CLINIC, "standing": "late"}),
    Sample("asked_nothing_to_do", "asked.html", {**_CLINIC, "standing": "late", "to_do": True}),
    Sample("asked_settled", "asked.html", {**_CLINIC, **_AT, "standing": "settled"}),
    Sample("asked_of_you", "asked_of_you.html", _LIST, "/visit/questions"),
    Sample(
        "asked_of_you_nothing",
        "asked_of_you.html",
        {**_LIST, "told": "", "now": [], "ahead": [], "done": [], "more": 0},
        "/visit/questions",
    ),
    Sample("monitoring", "monitoring.html", _SERIES, f"/visits/{VISIT_ID}/monitoring"),
    Sample("monitoring_none", "monitoring.html", {**_SERIES, "series": []}, f"/visits/{VISIT_ID}/monitoring"),
    Sample("admin_monitoring", "admin_monitoring.html", _FORMS, "/admin/monitoring"),
    Sample(
        "admin_monitoring_wrong",
        "admin_monitoring.html",
        {**_FORMS, "told": "", "forms": [], "errors": [FieldError("code", "code")], "typed": "Blood pressure"},
        "/admin/monitoring",
    ),
    Sample("admin_monitoring_form", "admin_monitoring_form.html", _FORM, "/admin/monitoring/bp"),
    Sample("admin_monitoring_form_wrong", "admin_monitoring_form.html", {**_FORM, **_FAULTY}, "/admin/monitoring/bp"),
)

"""The pages of who administers the clinic, with data that hurts."""

from types import SimpleNamespace as Data

from markupsafe import Markup

from telehealth.http.locales import LANGUAGES
from telehealth.http.schemas import FieldError
from telehealth.people.jurisdictions import choices
from tests.web.prepared import questions
from tests.web.sample import HERE, NOW, Sample

ADMIN = Data(name="admin@clinic.example", role="admin")
_CLINIC = {"clinic": "Riverside Clinic", "me": ADMIN, "zone": HERE}
_WORDINGS = [
    Data(language="en", paragraphs=("We ask you to agree to a visit by video.", "You may say no at any time.")),
    Data(language="ar", paragraphs=("نطلب منك الموافقة على زيارة بالفيديو.",)),
]
_TEXT = {"id": "x1", "version": 3, "visit_type": None, "jurisdiction": None, "published_at": NOW, "retired_at": None}
_TEXTS = [
    Data(**_TEXT, wordings=_WORDINGS),
    Data(**{**_TEXT, "id": "x2", "visit_type": "Group by video", "jurisdiction": "US-CA"}, wordings=_WORDINGS),
    Data(**{**_TEXT, "id": "x0", "version": 2, "retired_at": NOW}, wordings=_WORDINGS),
]
_KIND = Data(id="k1", name="Video visit with a name that goes on and on")
_FORM = {"visit_type": "k1", "location": "US-CA", **{f"text_{code}": "We ask you." for code in LANGUAGES}}
_LIST = {
    **_CLINIC,
    "kinds": {"k1": _KIND.name, "k2": "Group by video"},
    "texts": _TEXTS,
    "seen": "t1 t2",
    "place": {"options": choices(["DE-BY"]), "chosen": ""},
    "form": _FORM,
    "tongues": LANGUAGES,
    "told": "published",
    "errors": [],
    "refused": False,
}
_WRONG = {"told": "", "refused": True, "errors": [Data(field="text_en", code="required")], "texts": []}
_ASKED = {"kind": _KIND, "version": 2, "typed": '{\n  "resourceType": "Questionnaire"\n}', "refused": False}
_FAULTS = [
    Data(line=2, link_id="smokes", detail="type is none of group, display"),
    Data(line=9, link_id="", detail="x"),
]
_QUESTIONS = Data(faults=(), unreadable=0, questions=questions())
_HERE = "/admin/questionnaires"
_TRAINEE, _SUPERVISOR = (
    Data(id="c1", name="Dr. Wolfeschlegelsteinhausenbergerdorff"),
    Data(id="c2", name="Dr. Amal Said"),
)
_SUPERVISED = {
    **_CLINIC,
    "people": [(_TRAINEE, [_SUPERVISOR]), (_SUPERVISOR, ())],
    "told": "saved",
    "chosen": _TRAINEE,
    "fit": [_SUPERVISOR],
    "ticked": ["c2"],
    "shown": ["c2"],
    "supervises": False,
    "fault": "",
}


def _steps(kind: str, **more: object) -> Data:
    known: dict[str, object] = {
        "kind": kind,
        "form": {
            "after_2": "2",
            "whom_2": "pool",
            "after_3": "6.5",
            "whom_3": "coordinator",
            "address_3": "coordination-of-the-night@riverside-clinic.example",
            "reopen": "10",
        },
        "rows": [2, 3],
        "fresh": 4,
        "whom": ["board", "clinician", "pool", "coordinator"],
        "asks_again": kind != "locked_link",
        "own": False,
        "theirs": None,
        "steps": [],
        "seen": "0123456789abcdef",
    }
    return Data(**known | more)


KINDS = [_steps(kind) for kind in ("waiting", "held_up", "queued", "locked_link", "unjoinable", "house")]
WRONG = [FieldError("waiting-after_2", "minutes"), FieldError("waiting-address_4", "coordinator")]
_ESCALATION = {**_CLINIC, "kinds": KINDS, "errors": [], "saved": "", "stale": ""}
_REFUSED = {**_ESCALATION, "kinds": [_steps("waiting", own=True), *KINDS[1:]], "errors": WRONG, "stale": "queued"}
_THEIRS = {"after_2": "2", "whom_2": "pool", "address_2": "", "reopen": "10"}
_BOTH = {**_ESCALATION, "kinds": [_steps("waiting", theirs=_THEIRS, steps=[2]), *KINDS[1:]], "stale": "waiting"}
_SAVED = {**_ESCALATION, "saved": "house", "kinds": [*KINDS[:-1], _steps("house", rows=[], fresh=2, own=True)]}

_BALANCE = Data(destination="north", waiting=2, held=1, dead=0, found=1, oldest_since=NOW)
_WAY = {
    "destination": "north",
    "resource_type": "DocumentReference",
    "version": 1,
    "since": NOW,
    "codes": (),
    "finding": None,
}
_UNSENT = (
    ("reminder", "email", "pending", "deferred", "452"),
    *(("invitation", "sms", "dead", each, "30006") for each in ("refused", "unreachable", "opted_out", "unwritten")),
    ("offer", "email", "dead", "unsendable", "no-address"),
    ("moved", "email", "dead", "away", "SMTPConnectError"),
)
_MESSAGES = {
    **_CLINIC,
    "told": "again",
    "balances": [
        Data(channel="email", due=3, dead=2, oldest_due_at=NOW),
        Data(channel="sms", due=0, dead=4, oldest_due_at=None),
    ],
    "more": "m2",
    "again": ("dead", "pending"),
    "messages": [
        Data(id=f"m{number}", kind=kind, channel=channel, state=state, due_at=NOW, attempt=5, outcome=came, fault=code)
        for number, (kind, channel, state, came, code) in enumerate(_UNSENT)
    ],
}
_ALL_SENT: dict[str, object] = {"messages": [], "more": None}
_DELIVERIES = {
    **_CLINIC,
    "told": "again",
    "balances": [_BALANCE],
    "more": "d2",
    "again": ("pending", "verifying", "held", "dead"),
    "deliveries": [
        Data(**_WAY, id="d1", visit_id="v1", state="held", attempt=1, last_status=403, reason="record-forbidden"),
        Data(**_WAY, id="d2", visit_id="v2", state="pending", attempt=7, last_status=503, reason=None),
        Data(
            **_WAY | {"resource_type": "Appointment"},
            id="d3",
            visit_id="v2",
            state="held",
            attempt=1,
            last_status=None,
            reason="record-appointment-unresolved",
        ),
    ],
}

_TYPED = {"version": 3, "content": "## Subjective\n\n## Plan", "phrases": "/rest\nRest."}
_TEMPLATE = {
    **_CLINIC,
    "kinds": [_KIND],
    "chosen": _KIND.id,
    "typed": _TYPED,
    "faults": (),
    "told": "published",
    "theirs": "",
    "preview": Markup("<h3>Plan</h3>"),
    "drawn": [("rest", Markup("<p>Rest.</p>"))],
}
_UNREADABLE = {"faults": [Data(line=7, code="twice"), Data(line=9, code="name")], "told": "", "theirs": _TYPED}

_PATHWAY_FORM = {
    "name": "High blood pressure, the first three months after it was found",
    "type.video": "on",
    "diagnoses": "ICD-10 I10, E11.9; SNOMED CT 38341003",
    "kind_1": "questionnaire",
    "title_1": "Blood pressure in the morning",
    "due_in_1": "1d",
    "repeat_1": "FREQ=DAILY;COUNT=14",
    "questionnaire_1": "bp",
    "kind_2": "call",
    "owner_2": "desk",
    "after_2": "1",
    "priority_2": "urgent",
    "checklist_2": "Has the cuff arrived?\nPulse",
}
_PATHWAY = {
    **_CLINIC,
    "code": "high-blood-pressure",
    "kinds": [Data(code="video", name=_KIND.name), Data(code="group", name="Group by video")],
    "version": 3,
    "questionnaires": [("bp", "Blood pressure"), ("weight", "الوزن")],
    "rows": [1, 2, 3],
    "form": _PATHWAY_FORM,
    "told": "published",
    "errors": [],
    "changed": False,
}
_MISWRITTEN = [
    FieldError("visit_types", "invalid"),
    FieldError("diagnoses", "diagnoses"),
    FieldError("due_in_1", "delay"),
    FieldError("repeat_1", "repeat"),
    FieldError("after_2", "earlier"),
    FieldError("owner_2", "invalid"),
    FieldError("checklist_2", "invalid"),
]
_PATHWAYS = {
    **_CLINIC,
    "pathways": [
        Data(code="a", version=3, published_at=NOW, content=Data(name=_PATHWAY_FORM["name"], steps=[1, 2])),
        Data(code="b", version=1, published_at=NOW, content=Data(name="متابعة السكري", steps=[1])),
    ],
    "told": "retired",
    "errors": [],
    "typed": "",
}
_UNFIT_CODE = {"told": "", "pathways": [], "errors": [FieldError("code", "code")], "typed": "High blood pressure"}

ADMINISTRATION = (
    Sample("admin_care_pathways", "admin_care_pathways.html", _PATHWAYS, "/admin/care-pathways"),
    Sample(
        "admin_care_pathways_wrong", "admin_care_pathways.html", {**_PATHWAYS, **_UNFIT_CODE}, "/admin/care-pathways"
    ),
    Sample("admin_care_pathway", "admin_care_pathway.html", _PATHWAY, "/admin/care-pathways/high-blood-pressure"),
    Sample(
        "admin_care_pathway_wrong",
        "admin_care_pathway.html",
        {**_PATHWAY, "told": "", "changed": True, "version": 0, "errors": _MISWRITTEN},
        "/admin/care-pathways/high-blood-pressure",
    ),
    Sample("deliveries", "deliveries.html", _DELIVERIES, "/admin/deliveries"),
    Sample("admin_messages", "admin_messages.html", _MESSAGES, "/admin/messages"),
    Sample(
        "admin_messages_none", "admin_messages.html", {**_MESSAGES, "messages": [], "more": None}, "/admin/messages"
    ),
    Sample("deliveries_none", "deliveries.html", {**_DELIVERIES, "deliveries": [], "more": None}, "/admin/deliveries"),
    Sample("admin_note_template", "admin_note_template.html", _TEMPLATE, "/admin/note-templates"),
    Sample(
        "admin_note_template_wrong",
        "admin_note_template.html",
        {**_TEMPLATE, **_UNREADABLE},
        "/admin/note-templates",
    ),
    Sample("admin_supervisors", "admin_supervisors.html", _SUPERVISED, "/admin/supervisors"),
    Sample(
        "admin_supervisors_refused",
        "admin_supervisors.html",
        {**_SUPERVISED, "told": "", "fault": "unfit", "supervises": True, "shown": []},
        "/admin/supervisors?clinician=c1",
    ),
    Sample("admin", "admin.html", _CLINIC, "/admin"),
    Sample("escalation", "escalation.html", _ESCALATION, "/admin/escalation"),
    Sample("escalation_refused", "escalation.html", _REFUSED, "/admin/escalation"),
    Sample("escalation_stale", "escalation.html", _BOTH, "/admin/escalation"),
    Sample("escalation_saved", "escalation.html", _SAVED, "/admin/escalation?saved=house"),
    Sample("admin_texts", "admin_texts.html", _LIST, "/admin/consent-texts"),
    Sample("admin_texts_wrong", "admin_texts.html", {**_LIST, **_WRONG}, "/admin/consent-texts"),
    Sample(
        "admin_questionnaires",
        "admin_questionnaires.html",
        {
            **_CLINIC,
            "told": "retired",
            "kinds": [(_KIND, Data(version=2, published_at=NOW)), (Data(id="k2", name="B"), None)],
        },
        _HERE,
    ),
    Sample(
        "admin_questionnaire", "admin_questionnaire.html", {**_CLINIC, **_ASKED, "checked": _QUESTIONS}, f"{_HERE}/k1"
    ),
    Sample(
        "admin_questionnaire_wrong",
        "admin_questionnaire.html",
        {**_CLINIC, **_ASKED, "refused": True, "checked": Data(faults=_FAULTS, unreadable=4, questions=())},
        f"{_HERE}/k1",
    ),
)

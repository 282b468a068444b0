"""Samples of what stands before a visit: one question of each kind, a text, gates and answers."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import SimpleNamespace as Data
from zoneinfo import ZoneInfo

GATES = [
    Data(gate="consent", state="open", by="", reason=None),
    Data(gate="intake", state="closed", by="", reason=None),
    Data(
        gate="location",
        state="waived",
        by="Dr. Ada Lindqvist",
        reason="Éloignée de chez elle pour la semaine, suivie ici",
    ),
    Data(gate="devices", state="open", by="", reason=None),
]
_GIVEN = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
FILES = [
    Data(
        id=f"a{at}",
        name=name,
        state=state,
        media_type=kind,
        octets=1,
        by_patient=at < 2,
        mine=at < 3,
        created_at=_GIVEN,
    )
    for at, (name, state, kind) in enumerate(
        (
            ("Ausschlag am linken Unterarm", "kept", "image/jpeg"),
            ("رسالة من المستشفى", "received", None),
            ("Arztbrief " * 9, "kept", "application/pdf"),
            ("cough", "kept", "audio/ogg"),
        )
    )
]
BEFORE = {"gates": GATES, "waivable": True, "withdrawn": True, "files": FILES, "megabytes": 25}
TOLD = [
    Data(question="Do you smoke?", answer=True),
    Data(question="When did it begin?", answer=date(2026, 2, 27)),
    Data(question="ما الذي تريد التحدث عنه؟", answer="صداع منذ أسبوع، ولا ينام جيدًا"),
]


def _question(link: str, kind: str, label: str, **more: object) -> Data:
    known: dict[str, object] = {
        "link": link,
        "name": f"a.{link}",
        "kind": kind,
        "label": label,
        "required": False,
        "options": (),
        "when": "",
        "value": "",
        "max_length": 4000,
        "least": "",
        "most": "",
        "wrong": None,
        "code": more.get("wrong") or "",
        "items": (),
    }
    return Data(**(known | more))


def questions(wrong: str | None = None) -> list[Data]:
    """One of each kind."""
    choices_ = [(f"o{at}", f"Option {at}") for at in range(9)]
    return [
        _question("hello", "display", "We ask the same before every visit."),
        _question("smokes", "boolean", "Do you smoke?", required=True, value="true", wrong=wrong),
        _question(
            "more",
            "group",
            "About smoking",
            when='{"any": false, "of": [["smokes", "true"]]}',
            items=[
                _question("day", "integer", "How many a day?", required=True, wrong=wrong, least="1"),
                _question("stop", "choice", "Do you want to stop?", options=choices_[:3], value="o1"),
            ],
        ),
        _question("where", "choice", "Where does it hurt?", options=choices_, value="o2"),
        _question("weight", "decimal", "Your weight in kilograms", value="70.5", least="0.5", most="400"),
        _question("since", "date", "Since when?", value="2026-02-27", most="2026-03-03"),
        _question("drug", "string", "Which medicine do you take most often?", max_length=250),
        _question("why", "text", "ما الذي تريد التحدث عنه؟", value="صداع"),
    ]


_AGREED = Data(
    id="t1",
    agreed=True,
    text=Data(language="en", paragraphs=("The visit takes place by video.", "You may stop at any time. " * 8)),
)
PREPARE = {
    "clinic": "Riverside Clinic",
    "phone": "+15075550134",
    "visit": Data(id="0195bb2e-7c00-7000-8000-000000000001", clinician_name="Dr Amélie Fontaine-Delacroix"),
    "stage": "intake",
    "consent": _AGREED,
    "unticked": False,
    "questions": questions(),
    "errors": [],
    "names": {"a.smokes": "Do you smoke?", "a.day": "How many a day?"},
    "revision": 3,
    "completed": False,
    "prefilled": False,
    "stale": False,
}
WITHDRAWN = Data(agreed_at=_GIVEN, withdrawn_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
AGREED = {
    "clinic": "Riverside Clinic",
    "phone": "+15075550134",
    "zone": ZoneInfo("America/Chicago"),
    "stage": "before",
    "text": _AGREED.text,
    "given": Data(agreed_at=_GIVEN, withdrawn_at=None),
}
_WRONG = [Data(field="a.smokes", code="required"), Data(field="a.day", code="required")]
_SENT = {
    "clinic": "Riverside Clinic",
    "phone": "+15075550134",
    "visit": PREPARE["visit"],
    "zone": ZoneInfo("America/Chicago"),
    "files": FILES,
    "open": True,
    "megabytes": 25,
    "fault": "",
}
PREPARED: tuple[tuple[str, str, Mapping[str, object], str], ...] = (
    ("test", "test.html", {"clinic": "Riverside Clinic"}, "/test"),
    ("files", "files.html", _SENT, "/visit/files"),
    ("files_refused", "files.html", {**_SENT, "files": [], "fault": "heic"}, "/visit/files"),
    ("files_over", "files.html", {**_SENT, "open": False, "fault": "not-to-be-attached"}, "/visit/files"),
    ("prepare_consent", "prepare.html", {**PREPARE, "stage": "consent"}, "/visit/prepare"),
    ("prepare_unticked", "prepare.html", {**PREPARE, "stage": "consent", "unticked": True}, "/visit/consent"),
    ("prepare", "prepare.html", {**PREPARE, "consent": None, "prefilled": True}, "/visit/prepare"),
    (
        "prepare_wrong",
        "prepare.html",
        {**PREPARE, "completed": True, "stale": True, "questions": questions(wrong="required"), "errors": _WRONG},
        "/visit/intake",
    ),
    ("consent", "consent.html", AGREED, "/visit/consent"),
    ("consent_withdrawn", "consent.html", {**AGREED, "given": WITHDRAWN}, "/visit/consent"),
    ("consent_withdrawn_in_call", "consent.html", {**AGREED, "given": WITHDRAWN, "stage": "call"}, "/visit/consent"),
)

"""What the pages of participants are drawn with: name, template, context, path, and whether staff reads it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace as Data
from typing import Any
from zoneinfo import ZoneInfo

from telehealth.visits.lifecycle.parts import ParticipantKind, ParticipantState
from telehealth.visits.participants.schemas import CompanionForm

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
NAMES = ("Rosa María Fernández de la Vega", "أمينة الحداد", "Łukasz Żółć")
VISIT = Data(id="v1", starts_at=NOW, opens_at=NOW, clinician_name="Dr. Ada Lindqvist", patient_name=NAMES[0])
PEOPLE = [
    Data(
        id=f"p{at}",
        name=NAMES[at % len(NAMES)],
        kind=kind,
        state=state,
        since=NOW,
        locked=state is ParticipantState.OPENED,
        resend=True,
        let_in=state is ParticipantState.WAITING,
        put_out=kind is not ParticipantKind.PATIENT,
    )
    for at, (kind, state) in enumerate(zip(ParticipantKind, list(ParticipantState)[2:], strict=False))
]
INVITING: Mapping[str, Any] = {
    "kinds": ["family", "trainee", "interpreter", "care_assistant"],
    "form": CompanionForm().shown(),
    "errors": [],
    "refused": "",
    "press": "0195bb2e-7c00-7000-8000-000000000002",
    "invited": Data(name=NAMES[1], email="rosa@example.org", link="https://clinic.example/invited/Qm9zVtL0nA4pT1xY"),
}
REFUSED: Mapping[str, Any] = {
    **INVITING,
    "invited": None,
    "refused": "too-many-invited",
    "errors": [Data(field="name", code="required"), Data(field="email", code="invalid")],
}
COMPANION: Mapping[str, Any] = {"zone": ZoneInfo("America/Chicago"), "visit": VISIT, "sends": True}
ASKED: Mapping[str, Any] = {"form": {"name": "Ines"}, "by_name": True}
ADDRESSES = [
    Data(channel="email", shown="r…@home.example", wanted=["appointments"]),
    Data(channel="sms", shown="…456", wanted=["care", "surveys"]),
    Data(channel="push", shown="", wanted=["appointments"]),
    Data(channel="phone", shown="…456", wanted=[]),
]
OWN_MESSAGES: Mapping[str, Any] = {
    "purposes": ["appointments", "care", "surveys"],
    "first": "sms",
    "saved": True,
    "browsers": 2,
}
STOPPING: Mapping[str, Any] = {"address": "r…@home.example", "purpose": "appointments", "link": "/unsubscribe/x/care"}
PARTICIPANTS: tuple[tuple[str, str, Mapping[str, Any], str, bool], ...] = (
    ("invited", "join.html", {**ASKED, "error": None, "tries_left": None}, "/invited/x", False),
    ("invited_wrong", "join.html", {**ASKED, "error": "mismatch", "tries_left": 1}, "/invited/x", False),
    *(
        (f"attend_{stage}", "attend.html", {**COMPANION, "stage": stage}, "/attend", False)
        for stage in ("early", "waiting", "let_in", "left", "over")
    ),
    ("attend_watches", "attend.html", {**COMPANION, "stage": "let_in", "sends": False}, "/attend", False),
    ("elsewhere", "elsewhere.html", {}, "/visit", False),
    ("companions", "companions.html", {**INVITING, "people": PEOPLE[2:5]}, "/visit/people", False),
    ("messages", "messages.html", {**OWN_MESSAGES, "addresses": ADDRESSES}, "/visit/messages", False),
    ("messages_none", "messages.html", {**OWN_MESSAGES, "addresses": []}, "/visit/messages", False),
    ("unsubscribe", "unsubscribe.html", {**STOPPING, "stopped": False}, "/unsubscribe/x/care", False),
    ("unsubscribed", "unsubscribe.html", {**STOPPING, "stopped": True}, "/unsubscribe/x/care", False),
    ("people", "people.html", {**INVITING, "people": PEOPLE, "visit": VISIT, "stale": True}, "/visits/v1/people", True),
    (
        "people_wrong",
        "people.html",
        {**REFUSED, "people": [], "visit": VISIT, "stale": False},
        "/visits/v1/people",
        True,
    ),
)

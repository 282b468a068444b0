"""The pages of follow-up tasks, and what patients take home, with data that hurts."""

from datetime import timedelta
from types import SimpleNamespace as Data

from tests.web.admin_samples import ADMIN, ADMINISTRATION
from tests.web.home_samples import FROM_HOME
from tests.web.sample import DESK, HERE, ME, NAMES, NOW, VISIT_ID, Sample
from tests.web.summary_samples import SUMMARIES
from tests.web.text_samples import TEXTS

_LONG = "Ask how the new dose is tolerated, and whether the laboratory has called about the second sample"


def _task(at: int, **more: object) -> Data:
    known: dict[str, object] = {
        "id": f"0195bb2e-7c00-7000-8000-0000000c{at:04}",
        "visit_id": VISIT_ID,
        "patient_id": VISIT_ID,
        "kind": "custom",
        "title": "Check blood pressure",
        "patient_name": NAMES[at % len(NAMES)],
        "due_at": NOW - timedelta(hours=at),
        "overdue": False,
        "escalated": False,
        "free": True,
        "taken_on_at": None,
        "priority": "routine",
        "facing": "staff",
        "pool": "clinicians",
        "owner": None,
        "origin": "",
        "asks": at == 1,
        "gave": at < 5,
        "number": None,
        "revision": 1,
        "items": [],
    }
    return Data(**known | more)


_MINE = [
    _task(0, title=_LONG, kind="call", overdue=True, escalated=True, priority="stat"),
    _task(1, number=3, facing="patient"),
    _task(2, kind="lab", title="", items=[True, False, False]),
    _task(8, kind="cosign", title="", priority="urgent"),
]
_TEAM = [
    _task(3, kind="rebook", title="", pool="desk", origin="patient_no_show"),
    _task(4, kind="call", title="", pool="desk", origin="left_unseen", priority="urgent", overdue=True),
    _task(9, kind="call", title="r…@home.example", pool="desk", origin="bad_email", priority="urgent"),
    _task(10, kind="call", title="Call: Upper value (mmHg) 192", origin="answer", priority="urgent"),
    _task(12, kind="call", title="Systolic blood pressure 192 mm[Hg]", origin="device_alert", priority="stat"),
    _task(5, title="اتصل بشأن نتيجة الفحص", owner="Dr. Ada Lindqvist", overdue=True, escalated=True),
    _task(11, kind="call", owner="Dr. Ada Lindqvist", overdue=True, free=False, taken_on_at=NOW),
]
_BOARD = {
    "clinic": "Riverside Clinic",
    "me": ME,
    "zone": HERE,
    "now": NOW,
    "stream": "/v1/follow-ups/stream",
    "told": "",
    "closed": None,
    "coordinated": False,
    "mine": _MINE,
    "team": _TEAM,
    "coming": [_task(6, due_at=NOW + timedelta(days=1)), _task(7, kind="imaging", title="")],
}
_ENDINGS = (
    ("patient_no_show", "rebook"),
    ("provider_no_show", "call"),
    ("left_unseen", "call"),
    ("incomplete", "rebook"),
)
_TRIGGERS = {
    "clinic": "Riverside Clinic",
    "me": ADMIN,
    "saved": True,
    "of_devices": Data(ending="device_alert", kind="call", pool="clinicians"),
    "triggers": [Data(ending=ending, kind=kind, pool="desk") for ending, kind in _ENDINGS],
    "enabled": {"device_alert": True, **{ending: kind == "call" for ending, kind in _ENDINGS}},
    "switched": {},
}
_NAMED = {
    "fault": "",
    "fit": [Data(id=f"c{at}", name=name) for at, name in enumerate(NAMES)],
    "named": [],
    "ticked": ["c1"],
    "version": 0,
}


def _page(at: int, **more: object) -> dict[str, object]:
    task = _task(at, **{"mine": False, "closed": False, **more})
    return {
        "clinic": "Riverside Clinic",
        "me": ME,
        "zone": HERE,
        "now": NOW,
        "told": "",
        "task": task,
        "told_by_device": None,
    }


def _alert(at: int, severity: str, **more: object) -> Data:
    known: dict[str, object] = {
        "text": "Systolic blood pressure, measured on the left upper arm",
        "measured": "192 mm[Hg]",
        "device": "Cuff of the living room",
        "device_identifier": "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680",
        "severity": severity,
        "note": "",
        "raised_at": NOW - timedelta(minutes=at),
        "resolved_at": None,
    }
    return Data(**known | more)


_TOLD = {
    "count": 3,
    "alerts": [
        _alert(0, "high", note="ثلاث قراءات متتالية"),
        _alert(5, "medium", measured="", resolved_at=NOW),
        _alert(9, "low", text="SpO₂", measured="91 %"),
    ],
}
_ALERTED = {"kind": "call", "title": "Systolic blood pressure 192 mm[Hg]", "origin": "device_alert", "priority": "stat"}
_SEEN_TO: dict[str, object] = {"owner": "Dr. Ada Lindqvist", "overdue": True, "free": False, "taken_on_at": NOW}
TASKS = (
    Sample("task", "task.html", _page(0, title=_LONG, kind="call", overdue=True, escalated=True), "/tasks/t1"),
    Sample("task_taken", "task.html", {**_page(1, **_SEEN_TO), "told": "taken"}, "/tasks/t1"),
    Sample("task_own", "task.html", _page(1, **{**_SEEN_TO, "mine": True}), "/tasks/t1"),
    Sample("task_alert", "task.html", {**_page(2, **_ALERTED), "told_by_device": _TOLD}, "/tasks/t1"),
    Sample("task_closed", "task.html", _page(1, closed=True), "/tasks/t1"),
    Sample("tasks", "tasks.html", _BOARD, "/tasks"),
    Sample("tasks_desk", "tasks.html", {**_BOARD, "me": DESK, "told": "taken", "mine": [], "coming": []}, "/tasks"),
    Sample("tasks_closed", "tasks.html", {**_BOARD, "closed": "t1", "team": []}, "/tasks"),
    Sample("admin_follow_ups", "admin_follow_ups.html", {**_TRIGGERS, **_NAMED}, "/admin/follow-ups"),
    Sample(
        "admin_follow_ups_changed",
        "admin_follow_ups.html",
        {**_TRIGGERS, **_NAMED, "saved": False, "fault": "changed", "named": ["c0"], "version": 3},
        "/admin/follow-ups",
    ),
    Sample(
        "admin_follow_ups_switched",
        "admin_follow_ups.html",
        {**_TRIGGERS, **_NAMED, "saved": False, "fault": "switched", "switched": {"device_alert": False}},
        "/admin/follow-ups",
    ),
    Sample(
        "admin_follow_ups_unfit",
        "admin_follow_ups.html",
        {**_TRIGGERS, **_NAMED, "saved": False, "fault": "unfit", "fit": []},
        "/admin/follow-ups",
    ),
)
OFFICE = (*SUMMARIES, *ADMINISTRATION, *TEXTS, *TASKS, *FROM_HOME)

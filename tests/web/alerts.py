"""Samples of what somebody has to see to: alerts of nobody, oneself and others; follow-ups that are due."""

from datetime import timedelta
from types import SimpleNamespace as Data

from tests.web.sample import ME, NAMES, NOW, VISIT_ID


def _alert(number: int, kind: str, **more: object) -> Data:
    known: dict[str, object] = {
        "id": f"0195bb2e-7c00-7000-8000-00000000a{number:03}",
        "kind": kind,
        "patient_name": NAMES[number % len(NAMES)],
        "since": NOW - timedelta(minutes=5),
        "starts_at": None,
        "visit_id": VISIT_ID,
        "of": None,
        "faults": (),
        "by": None,
        "own": False,
        "affected": None,
        "again": False,
    }
    return Data(**known | more)


ALERTS = [
    _alert(0, "waiting", of="c2"),
    _alert(1, "queued", by="frontdesk-with-a-long-address@riverside-clinic.example"),
    _alert(2, "locked_link"),
    _alert(3, "unjoinable", starts_at=NOW + timedelta(hours=23), faults=("no_link", "no_account"), by=ME.name),
    _alert(4, "waiting", by=ME.name, own=True),
    _alert(5, "house", patient_name=None, affected=212),
    _alert(6, "waiting", again=True),
    _alert(7, "held_up"),
]


def tasks() -> list[Data]:
    return [
        Data(
            id=f"t{at}",
            title=title,
            patient_name=NAMES[at],
            due_at=NOW,
            visit_id=VISIT_ID,
            state="due",
            kind="custom",
        )
        for at, title in enumerate(("Check blood pressure", "Call about the blood test"))
    ]

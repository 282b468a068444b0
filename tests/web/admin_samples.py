"""The pages of who administers the clinic."""

from types import SimpleNamespace as Data

from telehealth.http.schemas import FieldError
from tests.web.sample import Sample

ADMIN = Data(name="admin@clinic.example", role="admin")
_CLINIC = {"clinic": "Riverside Clinic", "me": ADMIN}


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
        "seen": "0123456789abcdef",
    }
    return Data(**known | more)


KINDS = [_steps(kind) for kind in ("waiting", "queued", "locked_link", "unjoinable", "house")]
WRONG = [FieldError("waiting-after_2", "minutes"), FieldError("waiting-address_4", "coordinator")]
_ESCALATION = {**_CLINIC, "kinds": KINDS, "errors": [], "saved": "", "stale": ""}
_REFUSED = {**_ESCALATION, "kinds": [_steps("waiting", own=True), *KINDS[1:]], "errors": WRONG, "stale": "queued"}
_SAVED = {**_ESCALATION, "saved": "house", "kinds": [*KINDS[:4], _steps("house", rows=[], fresh=2, own=True)]}

ADMINISTRATION = (
    Sample("admin", "admin.html", _CLINIC, "/admin"),
    Sample("escalation", "escalation.html", _ESCALATION, "/admin/escalation"),
    Sample("escalation_refused", "escalation.html", _REFUSED, "/admin/escalation"),
    Sample("escalation_saved", "escalation.html", _SAVED, "/admin/escalation?saved=house"),
)

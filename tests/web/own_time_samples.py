"""What patients do with the time of their visit by themselves, and are asked first."""

from datetime import timedelta
from types import SimpleNamespace as Data

from tests.web.sample import ME, NOW, THERE, Sample

_CLINIC = {"clinic": "Riverside Clinic", "phone": "+15075550134"}
_MOVE = {
    **_CLINIC,
    "visit_type": Data(name="Follow-up", minutes=20),
    "clinician": ME.name,
    "who": "0198a000-0000-7000-8000-00000000000c",
    "now": NOW,
    "then": NOW + timedelta(days=1),
    "zone": THERE,
    "times": "/visit/times?day=2026-03-04",
    "moved": False,
}
_CANCEL = {
    **_CLINIC,
    "visit": Data(starts_at=NOW, minutes=20, clinician_name=ME.name),
    "zone": THERE,
    "cancelled": False,
    "possible": True,
    "movable": True,
    "refused": False,
}
_TOO_LATE = {**_CANCEL, "possible": False, "movable": False, "refused": True}
OWN_TIMES = (
    Sample("move", "move.html", _MOVE, "/visit/times/chosen"),
    Sample("move_meanwhile", "move.html", {**_MOVE, "moved": True}, "/visit/times"),
    Sample("cancel", "cancel.html", _CANCEL, "/visit/cancel"),
    Sample("cancel_done", "cancel.html", {**_CANCEL, "cancelled": True, "possible": False}, "/visit/cancel"),
    Sample("cancel_late", "cancel.html", _TOO_LATE, "/visit/cancel"),
)

"""What patients do with the time of their visit by themselves, and are asked first."""

from datetime import timedelta
from types import SimpleNamespace as Data

from tests.web.sample import ME, NOW, THERE, Sample

_CLINIC = {"clinic": "Riverside Clinic", "phone": "+15075550134"}
_MOVE = {
    **_CLINIC,
    "visit_type": Data(name="Follow-up", minutes=20),
    "clinician": ME.name,
    "now": NOW,
    "then": NOW + timedelta(days=1),
    "zone": THERE,
    "times": "/visit/times?day=2026-03-04",
    "moved": False,
}
OWN_TIMES = (
    Sample("move", "move.html", _MOVE, "/visit/times/chosen"),
    Sample("move_meanwhile", "move.html", {**_MOVE, "moved": True}, "/visit/times"),
)

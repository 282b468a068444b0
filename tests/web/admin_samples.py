"""The pages of who administers the clinic."""

from types import SimpleNamespace as Data

from tests.web.sample import Sample

ADMIN = Data(name="admin@clinic.example", role="admin")
_CLINIC = {"clinic": "Riverside Clinic", "me": ADMIN}

ADMINISTRATION = (Sample("admin", "admin.html", _CLINIC, "/admin"),)

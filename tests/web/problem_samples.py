"""What people see when something cannot be done."""

from tests.web.sample import Sample

_PROBLEM: dict[str, object] = {
    "code": 409,
    "title": "The time was taken",
    "details": ["It was taken."],
    "request_id": "4f0c",
    "sent": False,
    "by_link": False,
    "known": False,
    "again": "",
    "clinic": "Riverside Clinic",
    "phone": "+15075550134",
}
_AT_DESK = {**_PROBLEM, "known": True, "clinic": "", "phone": ""}
_SIGNED_OUT = {**_AT_DESK, "known": False, "code": 401, "sent": True}

PROBLEMS = (
    Sample("problem", "problem.html", _PROBLEM),
    Sample("problem_away", "problem.html", {**_AT_DESK, "code": 503, "details": [], "again": "day=2026-03-04"}),
    Sample("problem_link", "problem.html", {**_PROBLEM, "code": 401, "by_link": True, "sent": True}),
    Sample("problem_signed_out", "problem.html", _SIGNED_OUT),
)

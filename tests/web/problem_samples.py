"""What people see when something cannot be done."""

from tests.web.sample import Sample

_PROBLEM: dict[str, object] = {
    "code": 409,
    "title": "The time was taken",
    "details": ["It was taken."],
    "request_id": "4f0c",
    "sent": False,
    "by_link": False,
    "clinic": "Riverside Clinic",
    "phone": "+15075550134",
}
_AT_DESK = {**_PROBLEM, "clinic": "", "phone": ""}

PROBLEMS = (
    Sample("problem", "problem.html", _PROBLEM),
    Sample("problem_away", "problem.html", {**_AT_DESK, "code": 503, "details": []}),
    Sample("problem_link", "problem.html", {**_PROBLEM, "code": 401, "by_link": True, "sent": True}),
    Sample("problem_signed_out", "problem.html", {**_AT_DESK, "code": 401, "sent": True}),
)

"""django-appointment as its package ships it: its own tables on SQLite, its own view, asked through Django's WSGI door.

usage: python django_peer.py request.json answer.json   (by a Python that has django-appointment; see peers.py)

The package knows one time zone only, so that every clinician here lives in local wall-clock time, which is the kindest
reading: it never has to convert anything. A day of a clinician is one request, as its own pages ask.
"""

import json
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults
from zoneinfo import ZoneInfo

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

PATH = "/ajax/available_slots/"
Given = dict[str, Any]


def configure(directory: str) -> None:
    settings.configure(
        DEBUG=False,
        SECRET_KEY="benchmark",
        ALLOWED_HOSTS=["*"],
        USE_TZ=True,
        TIME_ZONE="UTC",
        ROOT_URLCONF="appointment.urls",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "appointment"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{directory}/peer.sqlite3"}},
        LOGGING_CONFIG=None,
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)  # the package ships no migrations


def seed(request: Given) -> tuple[int, list[int]]:
    """One service, and a staff member for each clinician; their ids."""
    visit = request["visit"]
    length = timedelta(minutes=visit["minutes"])
    service = model("Service").objects.create(name="Visit", duration=length, price=0)
    model("Config").objects.create(slot_duration=visit["grid"], default_to_service_duration=True)
    staff = [seed_member(given, service, visit, number) for number, given in enumerate(request["clinicians"])]
    return service.pk, staff


def seed_member(given: Given, service: Any, visit: Given, number: int) -> int:
    user = apps.get_model("auth", "User").objects.create(username=f"clinician{number}")
    gap = visit["buffer_before"] + visit["buffer_after"]
    member = model("StaffMember").objects.create(user=user, slot_duration=visit["grid"], slot_gap_time=gap)
    member.services_offered.add(service)
    for weekday, start, end in given["windows"]:
        hours = {"start_time": clock(start), "end_time": clock(end)}
        model("WorkingHours").objects.create(staff_member=member, day_of_week=weekday % 7, **hours)
    whose = {"service": service, "staff_member": member}
    requests = [model("AppointmentRequest")(**taken(given["zone"], span), **whose) for span in given["visits"]]
    model("AppointmentRequest").objects.bulk_create(requests)
    model("Appointment").objects.bulk_create(
        [model("Appointment")(client=user, appointment_request=each, id_request=str(each.pk)) for each in requests]
    )
    return int(member.pk)


def taken(zone: str, span: list[int]) -> Given:
    first, last = (local(zone, each) for each in span)
    return {"date": first.date(), "start_time": first.time(), "end_time": last.time()}


def grids(request: Given, service: int, staff: list[int]) -> list[list[int]]:
    """Every clinician's starts, a request for each day."""
    answer = get_wsgi_application()
    found = []
    for given, member in zip(request["clinicians"], staff, strict=True):
        starts: list[int] = []
        for day in days(given["zone"], request):
            query = urlencode({"selected_date": day.isoformat(), "staff_member": member, "service_id": service})
            starts += [minute(given["zone"], slot) for slot, _ in get(answer, query)["available_slots"]]
        found.append(starts)
    return found


def get(answer: Any, query: str) -> Any:
    """One request through all of Django."""
    environ: Given = {"PATH_INFO": PATH, "QUERY_STRING": query, "HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}
    setup_testing_defaults(environ)
    return json.loads(b"".join(answer(environ, lambda *_: None)))


def days(zone: str, request: Given) -> list[date]:
    first, last = local(zone, request["from"]).date(), local(zone, request["to"] - 1).date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def model(name: str) -> Any:
    return apps.get_model("appointment", name)


def clock(since_midnight: int) -> Any:
    return (datetime.min + timedelta(minutes=since_midnight)).time()  # noqa: DTZ901 -- a wall clock has no zone


def local(zone: str, at: int) -> datetime:
    return datetime.fromtimestamp(at * 60, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def minute(zone: str, slot: str) -> int:
    return int(datetime.fromisoformat(slot).replace(tzinfo=ZoneInfo(zone)).timestamp()) // 60


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text())
    with tempfile.TemporaryDirectory() as directory:
        configure(directory)
        service, staff = seed(request)
        seconds = []
        starts: list[list[int]] = []
        for _ in range(request["rounds"]):
            begun = time.perf_counter()
            starts = grids(request, service, staff)
            seconds.append(time.perf_counter() - begun)
    span = range(request["from"], request["to"])
    kept = [[start for start in each if start in span] for each in starts]
    Path(sys.argv[2]).write_text(json.dumps({"seconds": seconds, "starts": kept}))


if __name__ == "__main__":
    main()

"""A clinician publishes hours; a patient's time is found and booked; the calendar invitation arrives."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from icalendar import Calendar

from telehealth.core.time import SystemClock
from tests.kit.demo import CLINICIAN, DESK, Demo, Json, eventually

RACERS = 40


def monday_at_ten() -> datetime:
    """The Monday after next, 10:00 in Berlin: far from the demo's own visits."""
    today = SystemClock().now().astimezone(ZoneInfo("Europe/Berlin"))
    monday = today + timedelta(days=14 - today.weekday())
    return monday.replace(hour=10, minute=0, second=0, microsecond=0)


def publish_hours(demo: Demo) -> str:
    with demo.staff(CLINICIAN) as clinician:
        me: str = clinician.get("/v1/me").json()["person_id"]
        hours = {
            "time_zone": "Europe/Berlin",
            "windows": [{"weekday": day, "start": "00:00", "end": "24:00"} for day in range(1, 8)],
        }
        tag = clinician.get(f"/v1/clinicians/{me}/hours").headers["etag"]
        answer = clinician.put(f"/v1/clinicians/{me}/hours", json=hours, headers={"If-Match": tag})
        assert answer.status_code == 200, answer.text
        return me


def calendar_of(letter: Json) -> Calendar:
    (attached,) = (each["text"] for each in letter["attachments"] if each["type"] == "text/calendar")
    calendar = Calendar.from_ical(attached)
    assert isinstance(calendar, Calendar)
    return calendar


def test_hours_time_booking_invitation(demo: Demo) -> None:
    clinician_id = publish_hours(demo)
    with demo.staff(DESK) as desk:
        patient = demo.register(desk, "Ines", language="es", time_zone="America/Bogota")
        (kind,) = desk.get("/v1/visit-types").json()["items"]
        start = monday_at_ten()
        search = {
            "visit_type_id": kind["id"],
            "clinician_ids": [clinician_id],
            "start": start.isoformat(),
            "end": (start + timedelta(hours=1)).isoformat(),
        }
        slots = desk.post("/v1/slots/search", json=search).json()["items"]
        assert datetime.fromisoformat(slots[0]["start"]) == start
        wanted = {
            "patient_id": patient["id"],
            "clinician_id": clinician_id,
            "visit_type_id": kind["id"],
            "start": slots[0]["start"],
        }
        booked = desk.post("/v1/visits", json=wanted)
        assert booked.status_code == 201, booked.text
    (letter,) = eventually(lambda: demo.letters("ines@patient.example"))
    assert "/join/" in letter["text"]
    assert "hora" in letter["text"]  # in the patient's language
    calendar = calendar_of(letter)
    (event,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "REQUEST"
    assert event["SEQUENCE"] == booked.json()["visit"]["revision"]
    assert event.decoded("DTSTART") == start
    assert "VTIMEZONE" in {each.name for each in calendar.walk()}


def test_forty_people_want_one_time(demo: Demo) -> None:
    """Through the real web process: 1 booked, 39 problem documents with alternatives, 1 outbox row."""
    clinician_id = publish_hours(demo)
    with demo.staff(DESK) as desk:
        patients = [demo.register(desk, f"Racer{number}") for number in range(RACERS)]
        (kind,) = desk.get("/v1/visit-types").json()["items"]
        start = (monday_at_ten() + timedelta(days=1)).isoformat()
        before = demo.rows("SELECT count(*) FROM outbox WHERE kind = 'VisitBooked'")[0][0]

        def race(patient: Json) -> httpx.Response:
            wanted = {
                "patient_id": patient["id"],
                "clinician_id": clinician_id,
                "visit_type_id": kind["id"],
                "start": start,
            }
            return desk.post("/v1/visits", json=wanted)

        with ThreadPoolExecutor(RACERS) as threads:
            answers = list(threads.map(race, patients))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (RACERS - 1)
    for refused in (answer for answer in answers if answer.status_code == 409):
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["type"] == "/problems/slot-taken"
        assert refused.json()["alternatives"]
    assert demo.rows("SELECT count(*) FROM outbox WHERE kind = 'VisitBooked'")[0][0] == before + 1

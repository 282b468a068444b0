"""What to send to each operation of the house: valid bodies, one's own and others' ids, and the right credential.

An operation that is not in these tables cannot be walked, and the walk says so.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

from telehealth.access.rules import SCOPES
from telehealth.core.actors import Role
from telehealth.http.operation import Operation, Public
from tests.kit.aftercare import AFTERCARE
from tests.kit.chosen_slots import chosen_slot, parameters, slot_id, soon
from tests.kit.house import QUESTIONNAIRE, Course, Residents
from tests.kit.integrations import jwks_of, new_key
from tests.kit.office import OFFICE

Json = dict[str, Any]
ACTING = (Role.GUEST, Role.PATIENT, Role.INTEGRATION, Role.CLINICIAN, Role.FRONT_DESK, Role.ADMIN)
BOXES = {"birth_day": "5", "birth_month": "6", "birth_year": "1947"}
TRIP = {"first": "2030-03-05", "last": "2030-03-06", "time_zone": "Asia/Dubai"}
ALL_DAYS = [{"weekday": day, "start": "00:00", "end": "24:00"} for day in range(1, 8)]
PATIENT = {"given": "Inés", "family": "Vidal", "birth_date": "1950-02-03"}

IDS: Mapping[str, Callable[[Course], UUID]] = {
    **dict.fromkeys(("visit", "appointment", "encounter"), lambda course: course.visit),
    "series": lambda course: course.series,
    "document": lambda course: course.note,
    "composition": lambda course: course.note,
    "delivery": lambda course: course.delivery,
    "message": lambda course: course.task,
    "task": lambda course: course.task,
    "asked": lambda course: course.asked,
    "response": lambda course: course.response,
    "questions": lambda course: course.questions,
    "run": lambda course: course.run,
    "wait": lambda course: course.wait,
    "offer": lambda course: course.offer,
    "hold": lambda course: course.hold,
    "alert": lambda course: course.alert,
    "device_alert": lambda course: course.device_alert,
    "patient": lambda course: course.patient.id,
    "participant": lambda course: course.companion,
    "person": lambda course: course.guardian,
    "clinician": lambda course: course.clinician.id,
    "attachment": lambda course: course.attachment,
    "session": lambda _: uuid4(),
}
SEEN = "0123456789abcdef"  # of steps that somebody has changed since
WORDS: Mapping[str, Callable[[Residents], str]] = {
    "slug": lambda _: "not-found",
    "link": lambda residents: residents.own.link,
    "secret": lambda residents: residents.own.offer_link,
    "grant": lambda residents: str(residents.grant),
    "entry": lambda residents: str(residents.entry),
    "visit_type": lambda residents: str(residents.visit_type.id),
    "resource": lambda residents: str(residents.own.clinician.id),
    "calendar": lambda residents: str(residents.calendar),
    "absence": lambda residents: str(residents.absence),
    "text": lambda residents: str(residents.text),
    "gate": lambda _: "devices",
    "code": lambda _: "made-up",
    "purpose": lambda _: "care",
    "proof": lambda _: "made-up",
    "feed": lambda residents: str(residents.feed),
    "day": lambda _: "2030-03-05",
    "words": lambda _: "time_to_choose-patient-sms",
    "language": lambda _: "es",
    "schedule_id": lambda residents: str(residents.own.clinician.id),
    "slot_id": lambda residents: slot_id(residents, days=8),
}
BROWSER = {"endpoint": "https://push.example/made-up"}
SUBSCRIPTION = {**BROWSER, "keys": {"p256dh": "B" * 87, "auth": "A" * 22}}
STRANGER = {"email": "nobody@clinic.example", "password": "a long and quiet evening"}
BODIES: Mapping[str, Callable[[Residents], Json]] = {
    **dict.fromkeys(("access.open_session", "access.submit_sign_in"), lambda _: STRANGER),
    "access.token": lambda _: {"grant_type": "client_credentials"},
    "access.add_integration": lambda _: {"name": "Another", "scopes": ["summaries.read"], "jwks": jwks_of(new_key())},
    "access.give_grant": lambda residents: {
        "integration_id": str(residents.integration),
        "purpose": "TREAT",
        "data_kinds": ["summaries"],
        "patients": [str(residents.own.patient.id)],
        "valid_until": soon(days=1),
    },
    "notifications.save_contact": lambda _: dict.fromkeys(("email", "phone", "seen_email", "seen_phone"), ""),
    **{f"notifications.notify_{whom}": lambda _: SUBSCRIPTION for whom in ("patient", "clinician")},
    **{f"notifications.notify_{whom}_no_more": lambda _: BROWSER for whom in ("patient", "clinician")},
    "notifications.renew_browser": lambda _: {"former": SUBSCRIPTION, "present": SUBSCRIPTION},
    "notifications.save_own_messages": lambda _: {"shown": "email"},
    "people.register_patient": lambda _: PATIENT,
    "people.find_patients": lambda _: {"name": "Rosa", "birth_date": "1947-06-05"},
    "people.set_contact": lambda _: {"email": "rosa@home.example", "phone": None},
    "people.add_related_person": lambda _: {"given": "Ana", "family": "Moreno", "relationship": "parent"},
    "people.replace_licences": lambda _: {"items": [{"jurisdiction": "US-CA"}]},
    "people.replace_locations": lambda _: {"items": [{"jurisdiction": "US-CA", "first": "2026-03-05"}]},
    "scheduling.publish_hours": lambda _: {"time_zone": "UTC", "windows": []},
    "scheduling.put_override": lambda _: {"windows": [{"start": "22:00", "end": "26:00"}]},
    "scheduling.add_time_off": lambda _: {"first": "2030-03-05", "last": "2030-03-06", "reason": "congress"},
    "scheduling.set_travel": lambda _: {"items": [TRIP]},
    "scheduling.add_resource": lambda _: {"kind": "room", "name": "Room 2", "time_zone": "UTC", "pools": ["rooms"]},
    "scheduling.change_resource": lambda _: {"name": "Room 2", "skills": ["es"]},
    "scheduling.publish_resource_hours": lambda _: {"time_zone": "UTC", "windows": ALL_DAYS},
    "scheduling.put_resource_override": lambda _: {"windows": []},
    "scheduling.add_resource_time_off": lambda _: {"start": "2030-03-05T09:00:00Z", "end": "2030-03-05T10:00:00Z"},
    "scheduling.add_holiday_calendar": lambda _: {"name": "Town", "days": ["2030-12-25"]},
    "scheduling.replace_holiday_calendar": lambda _: {"name": "Town", "days": ["2030-12-25", "2030-12-26"]},
    "scheduling.change_entry": lambda _: {"wishes": [{"start": "09:00", "end": "12:00"}], "min_lead_minutes": 60},
    "scheduling.offer_time": lambda residents: {
        "clinician_id": str(residents.own.clinician.id),
        "start": soon(days=3),
    },
    "scheduling.offer_around": lambda residents: {
        "clinician_id": str(residents.own.clinician.id),
        "start": soon(days=3),
        "end": soon(days=4),
    },
    "scheduling.add_calendar": lambda _: {"name": "Town", "address": "https://calendar.invalid/town.ics"},
    "scheduling.search_slots": lambda residents: {
        "visit_type_id": str(residents.visit_type.id),
        "start": soon(),
        "end": soon(days=1),
    },
    "scheduling.add_visit_type": lambda _: {"code": "phone", "name": "Call", "minutes": 15},
    "scheduling.change_visit_type": lambda _: {"code": "video", "name": "Video visit", "minutes": 20, "grid": 5},
    "scheduling.hold_time": lambda residents: {
        "patient_id": str(residents.own.patient.id),
        "visit_type_id": str(residents.visit_type.id),
        "clinician_ids": [str(residents.own.clinician.id)],
        "start": soon(days=8),
    },
    "scheduling.save_hours": lambda _: {"zone": "Europe/Paris", "from_1a": "09:00", "to_1a": "12:00"},
    "scheduling.save_day": lambda _: {"day_date": "2030-03-05", "day_from_a": "09:00", "day_to_a": "12:00"},
    "scheduling.drop_day": lambda _: {"day": "2030-03-05"},
    "scheduling.save_away": lambda _: {"away_first": "2030-03-05", "away_reason": "congress"},
    "scheduling.drop_away": lambda residents: {"id": str(residents.absence)},
    "scheduling.save_trip": lambda _: {"trip_first": "2030-03-05", "trip_zone": "Asia/Dubai"},
    "scheduling.drop_trip": lambda _: {"first": "2030-03-05"},
    "visits.book_visit": lambda residents: {
        "patient_id": str(residents.own.patient.id),
        "clinician_id": str(residents.own.clinician.id),
        "visit_type_id": str(residents.visit_type.id),
        "start": soon(days=1),
    },
    "visits.move_visit": lambda _: {"start": soon(days=2)},
    "visits.book_series": lambda residents: {
        "patient_id": str(residents.own.patient.id),
        "clinician_id": str(residents.own.clinician.id),
        "visit_type_id": str(residents.visit_type.id),
        "time_zone": "UTC",
        "local_start": soon(days=3)[:16],
        "rrule": "FREQ=WEEKLY;COUNT=2",
        "policy": "atomic",
    },
    "visits.search_series": lambda residents: {
        "patient_id": str(residents.own.patient.id),
        "visit_type_id": str(residents.visit_type.id),
        "rrule": "FREQ=DAILY;COUNT=2",
        "start": soon(days=4),
        "end": soon(days=5),
    },
    "visits.cancel_series": lambda _: {"reach": "one", "occurrence": 2, "reason": "other"},
    "visits.move_series": lambda _: {"occurrence": 1, "local_start": soon(days=6)[:16]},
    **{f"visits.{name}": lambda _: {"reason": "other"} for name in ("cancel_visit", "mark_error", "correct_visit")},
    "visits.hand_over": lambda residents: {"clinician_id": str(residents.own.clinician.id)},
    "visits.mark_no_show": lambda _: {"who": "patient"},
    "visits.fail_visit": lambda _: {"reason": "technical"},
    "visits.join_waitlist": lambda residents: {
        "patient_id": str(residents.own.patient.id),
        "visit_type_id": str(residents.visit_type.id),
        "clinician_ids": [str(residents.own.clinician.id)],
    },
    "visits.find_to_wait": lambda _: {**BOXES, "name": "Rosa"},
    "visits.put_on_waitlist": lambda residents: {"visit_type": str(residents.visit_type.id), "start": "09:00"},
    "visits.offer_by_hand": lambda residents: {"offer": soon(days=3), "clinician": str(residents.own.clinician.id)},
    "visits.answer": lambda _: {**BOXES, "birth_year": "1948", "answer": "decline"},
    "visits.enqueue": lambda residents: {
        "patient_id": str(residents.own.patient.id),
        "visit_type_id": str(residents.visit_type.id),
    },
    "visits.take_next": lambda residents: {"visit_type_id": str(residents.visit_type.id)},
    "visits.call_next": lambda residents: {"press": str(uuid4()), "visit_type": str(residents.visit_type.id)},
    "visits.find_to_queue": lambda _: {**BOXES, "name": "Rosa"},
    "visits.put_in_queue": lambda residents: {"visit_type": str(residents.visit_type.id), "urgent": "on"},
    "visits.identify_waiting": lambda _: BOXES,
    "visits.tell_queued": lambda _: {"code": "soon"},
    "visits.tell_waiting": lambda _: {"code": "soon"},
    "visits.run_late": lambda _: {"minutes": "10"},
    "visits.say_late": lambda _: {"minutes": 10},
    "visits.say_to_queued": lambda _: {"code": "soon"},
    "visits.say_to_waiting": lambda _: {"words": "Dr. Lindqvist is with you soon."},
    "exchange.find_appointments": lambda residents: parameters(
        {"name": "start", "valueDateTime": soon()},
        {"name": "end", "valueDateTime": soon(days=1)},
        {"name": "patient-reference", "valueUri": f"Patient/{residents.own.patient.id}"},
    ),
    "exchange.hold_appointment": lambda residents: chosen_slot(residents, days=8),
    "exchange.book_appointment": lambda residents: chosen_slot(residents, days=9),
    "visits.set_escalation_rules": lambda _: {
        "waiting": [{"after": 0, "whom": "board"}, {"after": 60, "whom": "coordinator", "address": "c@clinic.example"}],
        "held_up": None,
        "queued": None,
        "locked_link": None,
        "unjoinable": None,
        "house": [{"after": 0, "whom": "board"}],
        "reopen_after": {"waiting": 300},
    },
    "visits.take_over_on_page": lambda residents: {"clinician": str(residents.own.clinician.id)},
    "visits.resend_on_page": lambda _: {"state": "invited"},
    "visits.save_steps": lambda _: {"kind": "waiting", "seen": SEEN, "reopen": "10"},
    "visits.remove_step": lambda _: {"kind": "waiting", "seen": SEEN, "step": "2"},
    "visits.reset_steps": lambda _: {"kind": "waiting", "seen": SEEN},
    "visits.publish_on_page": lambda _: {"text_en": "We ask you again."},
    "visits.save_on_page": lambda _: {"questionnaire": json.dumps(QUESTIONNAIRE), "version": "1", "action": "preview"},
    "visits.look_up": lambda _: {**BOXES, "name": "Rosa"},
    "visits.act_at_desk": lambda _: {"command": "cancel", "revision": "1", "reason": "other"},
    "visits.move_at_desk": lambda _: {"offer": soon(days=2), "revision": "1"},
    **dict.fromkeys(("visits.attest_location", "visits.say_where"), lambda _: {"jurisdiction": "US-CA"}),
    "visits.give_consent": lambda residents: {"text_id": str(residents.text)},
    "visits.agree": lambda residents: {"text": str(residents.text), "language": "en", "agree": "yes"},
    "visits.waive_gate": lambda _: {"reason": "told by phone"},
    "visits.waive_on_page": lambda _: {"reason": "told by phone"},
    "visits.save_intake": lambda _: {"answers": {"sleeps": False}},
    "visits.answer_questions": lambda _: {"revision": "1", "a.sleeps": "true"},
    "visits.publish_consent_text": lambda _: {"texts": {"en": "We ask you again."}},
    "visits.publish_questionnaire": lambda _: {"questionnaire": QUESTIONNAIRE},
    "visits.check_devices": lambda _: {"camera": "ok", "microphone": "ok", "speaker": "ok"},
    "visits.found": lambda _: {**BOXES, "name": "Rosa"},
    "visits.register": lambda _: {
        **BOXES,
        "given_name": "Inés",
        "family_name": "Vidal",
        "email": "ines@patient.example",
        "zone": "Europe/Madrid",
    },
    "visits.choose": lambda residents: {
        "offer": soon(days=1),
        "visit_type": str(residents.visit_type.id),
        "clinician": str(residents.own.clinician.id),
    },
    "visits.choose_other": lambda residents: {
        "visit_type": str(residents.visit_type.id),
        "other_clinician": str(residents.own.clinician.id),
        "other_day": "2030-03-05",
        "other_time": "09:00",
        "other_reason": "asked for",
    },
    "visits.send_invitation": lambda residents: {
        "press": str(uuid4()),
        "visit_type": str(residents.visit_type.id),
        "clinician": "",
    },
    "visits.invite_to_book": lambda residents: {
        "patient_id": str(residents.own.patient.id),
        "visit_type_id": str(residents.visit_type.id),
    },
    "visits.move_own": lambda _: {"offer": soon(days=1)},
    "visits.call_off": lambda _: {"sure": "yes", "words": "I am well again."},
    "visits.choose_invited": lambda _: {"offer": soon(days=1)},
    **dict.fromkeys(("visits.identify_invited", "visits.identify"), lambda _: {**BOXES, "birth_year": "1948"}),
    "visits.identify_by_name": lambda _: {"name": "Somebody Else"},
    "visits.invite_participant": lambda _: {"kind": "family", "name": "Marta Moreno", "email": "m@family.example"},
    "visits.resend_link": lambda _: {"fresh": False},
    "visits.mark_participant": lambda _: {"step": "leave"},
    "visits.invite_companion": lambda _: {
        "press": str(uuid4()),
        "kind": "family",
        "name": "Marta Moreno",
        "email": "m@family.example",
    },
    "visits.invite_on_page": lambda _: {
        "press": str(uuid4()),
        "kind": "trainee",
        "name": "Kim Ode",
        "email": "kim@clinic.example",
    },
    **dict.fromkeys(("video.open_check", "video.precheck"), lambda _: {"type": "offer", "sdp": "v=0\r\n"}),
    "video.make_media_credential": lambda _: {"kind": "device", "name": "Otoscope"},
    "video.poll_signalling": lambda _: {"ticket": "made-up", "after": 0, "messages": []},
    "records.save_note": lambda _: {"content": "Better."},
    "records.save_on_page": lambda _: {"content": "Better.", "version": "1"},
    "records.sign_on_page": lambda _: {"content": "Better.", "version": "1"},
    "records.publish_template": lambda _: {"version": "0", "action": "preview"},
    "records.name_supervisors": lambda residents: {"clinician": str(residents.own.clinician.id), "was": ""},
    "records.preview_note": lambda _: {"content": "**Better**."},
    "records.preview_on_page": lambda _: {"content": "Better.", "version": "1"},
    "records.return_note": lambda _: {"reason": "Which dose?"},
    "records.cosign_on_page": lambda _: {"version": "1"},
    "records.return_on_page": lambda _: {"version": "1", "reason": "Which dose?"},
    "records.withdraw_on_page": lambda _: {"version": "1"},
    "people.replace_supervisors": lambda _: {"items": []},
    "records.amend_note": lambda _: {"relation": "appends"},
    "records.retract_note": lambda _: {"version": 9, "reason": "Wrong patient."},
    "records.amend_on_page": lambda _: {"version": "1", "relation": "appends"},
    "records.discard_on_page": lambda _: {"version": "1"},
    "records.retract_on_page": lambda _: {"version": "1", "signed": "9", "reason": "Wrong patient."},
    "records.release_after_visit_summary": lambda _: {"note_version": 1, "words": "Rest."},
    "records.release_on_page": lambda _: {"note_version": "1", "words": "Rest."},
    **OFFICE,
    **AFTERCARE,
}
TUS = {
    "Tus-Resumable": "1.0.0",
    "Upload-Length": "20",
    "Upload-Offset": "0",
    "Content-Type": "application/offset+octet-stream",
}
COSIGNING = ("cosign_note", "return_note", "withdraw_note")
HEADERS: Mapping[str, Mapping[str, str]] = {
    "visits.save_intake": {"If-Match": '"1"'},
    "followups.name_coordinators": {"If-Match": '"0"'},
    "records.save_note": {"If-Match": '"1"'},
    **{f"records.{name}_{what}": TUS for name in ("create", "tell", "upload") for what in ("attachment", "own_file")},
    **{
        f"records.{name}": {"If-Match": '"1"'}
        for name in ("sign_note", "amend_note", "discard_amendment", "retract_note", *COSIGNING)
    },
}


_OF_WHIP = ("publish", "watch", "patch_published", "patch_watched", "end_published", "end_watched")
_PREFLIGHTS = ("publishing_options", "watching_options", "published_options", "watched_options")
OVER_HTTP: Mapping[str, str] = {
    **{
        f"video.{name}": "a media credential is the credential (RFC 9725, section 4.7), 401 without"
        for name in _OF_WHIP
    },
    **{f"video.{name}": "a browser asks before it shows a credential (CORS)" for name in _PREFLIGHTS},
}


class Unknown(LookupError):
    """An operation that these tables do not know."""


def acting(operation: Operation) -> Role:
    """Who may: a role with few rights before one with many."""
    if isinstance(operation.needs, Public):
        return Role.ANONYMOUS
    return next(role for role in ACTING if operation.needs in SCOPES[role])


def without_scope(operation: Operation) -> Role:
    """Who is signed in and may not."""
    return next(role for role in reversed(ACTING) if operation.needs not in SCOPES[role])


def path_of(operation: Operation, values: Mapping[str, object]) -> str:
    path = operation.path
    for name, converter in operation.path_parameters.items():
        written = f"{{{name}:{converter}}}" if converter != "str" else f"{{{name}}}"
        path = path.replace(written, str(values[name]))
    return path


def own_values(operation: Operation, residents: Residents) -> Mapping[str, object]:
    return _values(operation, residents, residents.own)


def others_values(operation: Operation, residents: Residents) -> Mapping[str, object]:
    """Ids that exist and belong to somebody else."""
    return _values(operation, residents, residents.other)


def unknown_values(operation: Operation) -> Mapping[str, object]:
    return {name: uuid4() if kind == "uuid" else "unknown" for name, kind in operation.path_parameters.items()}


def body_of(operation: Operation, residents: Residents) -> Json | None:
    if operation.body is None:
        return None
    if operation.name not in BODIES:
        raise Unknown(f"{operation.name} reads a body: put a valid one into tests/kit/knocking.py, BODIES")
    return BODIES[operation.name](residents)


def sent(operation: Operation, body: Json | None) -> dict[str, Any]:
    """The keyword of the HTTP client for that body."""
    if body is None:
        return {}
    return {"data": body} if operation.form else {"json": body}


def _values(operation: Operation, residents: Residents, course: Course) -> Mapping[str, object]:
    return {name: _value(operation, name, residents, course) for name in operation.path_parameters}


def _value(operation: Operation, name: str, residents: Residents, course: Course) -> object:
    if name in IDS:
        return IDS[name](course)
    if name in WORDS:
        return WORDS[name](residents)
    raise Unknown(f"{operation.name} names {name} in its path: put it into tests/kit/knocking.py, IDS or WORDS")

"""What to send to the operations of what follows a visit: pathways, tasks, questions from home."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from telehealth.followups.rules import SWITCHES
from tests.kit.house import QUESTIONNAIRE, Residents

BOXES = {"birth_day": "5", "birth_month": "6", "birth_year": "1948"}  # nobody's
AFTERCARE: Mapping[str, Callable[[Residents], dict[str, Any]]] = {
    "pathways.start_pathway": lambda _: {"pathway": "made-up"},
    "monitoring.open_form": lambda _: {"code": "made-up"},
    "followups.plan_follow_up": lambda _: {"title": "Call back", "due_in": "2w"},
    **dict.fromkeys(("followups.plan_on_page", "followups.plan_in_one_stroke"), lambda _: {"stroke": "Call back +2w"}),
    **dict.fromkeys(("followups.skip_follow_up", "followups.skip"), lambda _: {"reason": "moved away"}),
    "followups.assign_follow_up": lambda _: {"pool": "desk"},
    "followups.note_on_follow_up": lambda _: {"text": "no answer"},
    "followups.tick_item": lambda _: {"item": 0},
    "followups.set_triggers": lambda _: dict.fromkeys(SWITCHES, True),
    "followups.save_triggers": lambda _: {
        "shown": "patient_no_show",
        "was": "patient_no_show",
        "patient_no_show": "on",
    },
    "followups.name_coordinators": lambda _: {"items": []},
    "followups.save_coordinators": lambda _: {"version": "0"},
    "alerts.take_device_alert": lambda residents: {
        "patient_id": str(residents.own.patient.id),
        "identifier": "a-1",
        "device": {"name": "Cuff", "identifier": "SN-1"},
        "code": {"system": "http://loinc.org", "code": "8480-6", "text": "Systolic pressure"},
        "severity": "high",
        "raised_at": datetime.now(UTC).isoformat(),
    },
    "monitoring.publish_form": lambda _: {"questionnaire": QUESTIONNAIRE},
    "monitoring.save_form": lambda _: {"questionnaire": json.dumps(QUESTIONNAIRE), "version": "1", "action": "preview"},
    "monitoring.identify_asked": lambda _: BOXES,
    "monitoring.answer_own": lambda _: {"revision": "0", "a.sleeps": "true"},
}

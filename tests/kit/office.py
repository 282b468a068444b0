"""What an administrator sends to write what the clinic does and says."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.kit.house import Residents

_WORDS = {"body": "Elija: {link}"}
OFFICE: Mapping[str, Callable[[Residents], dict[str, Any]]] = {
    "pathways.publish_pathway": lambda _: {"name": "Call", "steps": [{"kind": "call"}]},
    "pathways.open_pathway": lambda _: {"code": "made-up"},
    "pathways.save_pathway": lambda _: {"version": "0", "name": "Call", "kind_1": "call"},
    "surveys.choose_survey": lambda _: {"questionnaire": "after-visit", "minutes": 60},
    "surveys.save_survey": lambda _: {"version": "0", "on": "on", "questionnaire": "after-visit", "minutes": "60"},
    "notifications.save_reminders": lambda _: {"sent": "yes"},
    "notifications.publish_text": lambda _: _WORDS,
    "notifications.preview_text": lambda _: _WORDS,
    "notifications.save_text": lambda _: {"version": "0", **_WORDS},
}

"""Notes of the room's samples: drafts, what was signed, what was amended."""

from datetime import timedelta
from types import SimpleNamespace as Data

from markupsafe import Markup

from telehealth.records.notes.markdown import html, parse
from tests.web.sample import ME, NOW

TYPED = "Blood pressure 128/82 at home. Sleeps well.\n\nPlan: keep the dose."
PHRASES = {"rest": "Rest, and come back if it gets worse.", "follow-up": "See you in two weeks."}
_WORDS = "## Plan\n\nKeep the dose, *twice* a day.\n\n- Blood test\n- Supercalifragilisticexpialidocious" + "x" * 80


def note(**more: object) -> Data:
    known = dict.fromkeys(("saved_at", "signed_at", "amendment"))
    return Data(**{**known, "content": "", "version": "1", "state": "draft", **more})


def _version(number: int, relation: str | None, status: str | None, state: str) -> Data:
    return Data(
        version=number,
        relation=relation,
        relates_to=None if relation is None else 1,
        status=status,
        state=state,
        author_name=ME.name,
        signed_at=NOW + timedelta(minutes=number),
        words=Markup(html(parse(_WORDS), top=4)),  # noqa: S704 -- escaped
    )


SIGNED = [_version(1, None, "current", "delivered")]
AMENDED = [
    _version(1, None, "superseded", "delivered"),
    _version(2, "appends", "entered-in-error", "waiting"),
    _version(3, "retracts", None, "held"),
    _version(4, "replaces", "current", "delivering"),
    _version(5, "appends", "current", "delivering"),
]

"""Notes of the room's samples: drafts, what was signed, what was amended."""

from collections.abc import Mapping
from datetime import date, timedelta
from types import SimpleNamespace as Data

from markupsafe import Markup

from telehealth.records.notes.markdown import html, parse
from tests.web.sample import ME, NAMES, NOW, VISIT_ID

TYPED = "Blood pressure 128/82 at home. Sleeps well.\n\nPlan: keep the dose."
PHRASES = {"rest": "Rest, and come back if it gets worse.", "follow-up": "See you in two weeks."}
LATE_NOTES = [
    Data(visit_id="v1", patient_name="Rosa Moreno", signed_at=NOW, reason=None),
    Data(visit_id="v2", patient_name="Abu Ali", signed_at=NOW, reason="record-patient-unresolved"),
]
_WORDS = "## Plan\n\nKeep the dose, *twice* a day.\n\n- Blood test\n- Supercalifragilisticexpialidocious" + "x" * 80


def note(**more: object) -> Data:
    known = dict.fromkeys(("saved_at", "signed_at", "amendment", "cosignature"))
    return Data(**{**known, "content": "", "version": "1", "state": "draft", **more})


def _version(number: int, relation: str | None, status: str | None, state: str) -> Data:
    return Data(
        version=number,
        relation=relation,
        relates_to=None if relation is None else 1,
        status=status,
        state=state,
        author_name=ME.name,
        cosigned=Data(name="Dr. Ada Lindqvist", at=NOW) if number == 4 else None,
        signed_at=NOW + timedelta(minutes=number),
        words=Markup(html(parse(_WORDS), top=4)),  # noqa: S704 -- escaped
    )


def asked(state: str) -> Data:
    names = ("Dr. Ada Lindqvist", ME.name) if state == "awaited" else ()
    return Data(state=state, signed_at=NOW, supervisors=names, decided_by=ME.name, reason="Which dose?")


def awaited(state: str, amendment: str | None = None) -> Data:
    return Data(version=3, author_name="Dr. Ada Lindqvist", signed_at=NOW, state=state, amendment=amendment)


DRAWN = Markup(html(parse(_WORDS), top=3))  # noqa: S704 -- escaped
WRITING = {"versions": [], "reason": "", "phrases": PHRASES, "preview": ""}
_COSIGN = {"visit_id": VISIT_ID, "patient_name": NAMES[0], "birth_date": date(1958, 11, 2), "words": DRAWN}
_READ = {**_COSIGN, "note": awaited("awaited"), "in_force": [], "fault": "", "reason": ""}
_REFUSED = {"in_force": [DRAWN, DRAWN], "fault": "The note awaits no co-signature any more", "reason": "Which dose?"}
COSIGNING: Mapping[str, Mapping[str, object]] = {
    "cosign": _READ,
    "cosign_refused": {**_READ, **_REFUSED, "note": awaited("awaited", "appends")},
    "cosign_given": {**_READ, "note": awaited("given")},
}
SIGNED = [_version(1, None, "current", "delivered")]
AMENDED = [
    _version(1, None, "superseded", "delivered"),
    _version(2, "appends", "entered-in-error", "waiting"),
    _version(3, "retracts", None, "held"),
    _version(4, "replaces", "current", "delivering"),
    _version(5, "appends", "current", "delivering"),
]

"""After-visit summaries with data that hurts: long words, both directions, every standing."""

from collections.abc import Mapping
from datetime import timedelta
from types import SimpleNamespace as Data

from markupsafe import Markup

from telehealth.records.notes.markdown import html, parse
from tests.web.sample import HERE, ME, NAMES, NOW, VISIT_ID, Sample


def _drawn(words: str) -> Markup:
    return Markup(html(parse(words), top=4))  # noqa: S704 -- escaped


_PLAN = _drawn("Keep the dose, *twice* a day.\n\n1. Walk\n2. Sleep\n\nSupercalifragilistic" + "x" * 80)
_TOLD = _drawn("خذ الدواء **مرتين** في اليوم.\n\n- [Guide](https://clinic.example/bp)")
_TASKS = [
    Data(id=f"t{at}", kind=kind, title=title, due_at=NOW + timedelta(days=at), ticked=at == 1)
    for at, (kind, title) in enumerate((("lab", ""), ("custom", "Mesurer la tension artérielle chaque matin")))
]
_VISITS = [Data(id=f"v{at}", starts_at=NOW + timedelta(days=7 * at), ticked=True) for at in (1, 2)]
_SUMMARY = {
    "number": 2,
    "note_version": 3,
    "signed_at": NOW,
    "released_at": NOW + timedelta(minutes=5),
    "author_name": ME.name,
    "note_language": "fr",
    "words_language": "ar",
    "standing": "current",
    "sections": [Data(title="Plan", words=_PLAN), Data(title="", words=_PLAN)],
    "words": _TOLD,
    "appointments": _VISITS,
    "tasks": _TASKS,
}
_NOTHING: Mapping[str, object] = {"sections": [], "words": None, "appointments": [], "tasks": []}
_PATIENT = {"zone": HERE, "clinic": "Riverside Health", "phone": "+1 507 555 0100"}
_OFFER = Data(
    note_version=4,
    in_force=3,
    sections=[Data(title="Plan", words=_PLAN, ticked=True), Data(title="", words=_PLAN, ticked=False)],
    appointments=_VISITS,
    tasks=_TASKS,
    words="Descanse.",
    supervised=False,
    note_language="en",
    words_language="es",
)
_SUPERVISED = {**vars(_OFFER), "words": "", "supervised": True}
_RELEASE = {
    "me": ME,
    "zone": HERE,
    "visit": Data(id=VISIT_ID, starts_at=NOW, patient_name=NAMES[1]),
    "language": "ar",
    "languages_spoken": ["fr", "en", "es", "ar"],
    "refused": "",
    "offer": _OFFER,
    "released": [
        Data(**{**_SUMMARY, "number": 3 - at, "standing": each})
        for at, each in enumerate(("current", "superseded", "withdrawn"))
    ],
}
_PAGE = f"/visits/{VISIT_ID}/after-visit-summary"
SUMMARIES = (
    Sample("summary", "summary.html", {**_PATIENT, "summary": Data(**_SUMMARY)}, "/visit/summary"),
    Sample(
        "summary_superseded",
        "summary.html",
        {**_PATIENT, "phone": None, "summary": Data(**{**_SUMMARY, "number": 1, "standing": "superseded"})},
        "/visit/summary",
    ),
    Sample(
        "summary_withdrawn",
        "summary.html",
        {**_PATIENT, "summary": Data(**{**_SUMMARY, **_NOTHING, "standing": "withdrawn"})},
        "/visit/summary",
    ),
    Sample("release", "release.html", _RELEASE, _PAGE),
    Sample(
        "release_amended",
        "release.html",
        {**_RELEASE, "refused": "note-amended", "released": [Data(**{**_SUMMARY, "standing": "superseded"})]},
        _PAGE,
    ),
    Sample("release_supervised", "release.html", {**_RELEASE, "offer": Data(**_SUPERVISED)}, _PAGE),
    Sample("release_nothing", "release.html", {**_RELEASE, "offer": None, "released": []}, _PAGE),
)

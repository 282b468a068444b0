"""The summary on pages, without scripts: the clinician chooses and releases, the patient reads."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from markupsafe import Markup
from starlette.responses import Response

from telehealth.core.errors import Refusal
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.locales import LANGUAGES
from telehealth.people import queries as people
from telehealth.people.rules import Clinic, Patient
from telehealth.records.after_visit import queries, service
from telehealth.records.after_visit.ports import PatientTasks
from telehealth.records.after_visit.rules import (
    NoteAmended,
    NothingSigned,
    NothingToRelease,
    NotOnOffer,
    Offer,
    Release,
    WordsNotCosigned,
)
from telehealth.records.after_visit.schemas import ReleaseForm
from telehealth.records.after_visit.sheets import Reader, pdf
from telehealth.records.charting.queries import Subject
from telehealth.records.charting.rules import NoteRetracted
from telehealth.records.charting.sheets import saved
from telehealth.records.notes.markdown import html, parse
from telehealth.records.notes.queries import authored_visit
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import Visit

NOTHING: tuple[type[Refusal], ...] = (NothingSigned, NoteRetracted)
FORGIVEN: tuple[type[Refusal], ...] = (*NOTHING, NoteAmended, WordsNotCosigned, NotOnOffer, NothingToRelease)

# The clinician's page


async def release_page(call: Call, visit: UUID) -> Response:
    """What of the signed note the patient is given to read, and what they were given."""
    return await _release_page(call, visit)


async def release_on_page(call: Call, visit: UUID, body: ReleaseForm) -> Response:
    """Release what was chosen; what was typed is shown again when it is not taken."""
    try:
        await call.run(service.release, visit, body.wanted(), call.port(PatientTasks))
    except FORGIVEN as refusal:
        return await _release_page(call, visit, body, refused=refusal.slug)
    return call.redirect(f"/visits/{visit}/after-visit-summary#released")


async def _release_page(call: Call, visit: UUID, form: ReleaseForm | None = None, *, refused: str = "") -> Response:
    context = await call.run(_release_context, visit, call.port(PatientTasks), form)
    return call.render("release.html", status=409 if refused else 200, refused=refused, **context)


async def _release_context(
    unit: Unit, visit_id: UUID, tasks: PatientTasks, form: ReleaseForm | None
) -> Mapping[str, Any]:
    visit = await authored_visit(unit, visit_id)
    patient, reader = await people.patient(unit, visit.patient_id), await visits.reader(unit)
    offer = await offered(unit, visit_id, tasks)
    spoken = [each.partition("-")[0] for each in (await people.clinician(unit, visit.clinician_id)).languages]
    return {
        "me": reader,
        "zone": reader.time_zone,
        "visit": {"id": visit.id, "starts_at": visit.starts_at, "patient_name": patient.name},
        "language": patient.language,
        "languages_spoken": list(dict.fromkeys([*spoken, *LANGUAGES])),
        "offer": None if offer is None else _choices(offer, form),
        "released": [_drawn(each) for each in await queries.releases(unit, visit_id)],
    }


async def offered(unit: Unit, visit_id: UUID, tasks: PatientTasks) -> Offer | None:
    """The offer; None while nothing is signed and once all was retracted."""
    try:
        return await queries.offer(unit, visit_id, tasks)
    except NOTHING:
        return None


def _choices(offer: Offer, form: ReleaseForm | None) -> Mapping[str, Any]:
    """The form as it was typed if the note is still the one it was typed for; else as it is proposed."""
    kept = form if form is not None and form.note_version == offer.note_version else None
    return {
        "note_version": offer.note_version,
        "in_force": offer.in_force,
        "sections": [
            {
                "title": each.title,
                "words": _words(each.text),
                "ticked": each.for_patients if kept is None else at in kept.section,
            }
            for at, each in enumerate(offer.passages)
        ],
        "appointments": [
            {"id": each.id, "starts_at": each.starts_at, "ticked": kept is None or each.id in kept.appointment}
            for each in offer.appointments
        ],
        "tasks": [
            {
                "id": each.id,
                "kind": each.kind,
                "title": each.title,
                "due_at": each.due_at,
                "ticked": kept is None or each.id in kept.task,
            }
            for each in offer.tasks
        ],
        "words": "" if form is None else form.words,
        "supervised": offer.supervised,
        "note_language": offer.language if form is None else form.note_language,
        "words_language": offer.language if form is None else form.words_language,
    }


# The patient's page


async def own_summary_page(call: Call) -> Response:
    """What the patient was given to read after the visit, as it stands now."""
    release, _visit, patient, clinic = await call.run(_own)
    return call.render(
        "summary.html",
        preferred=patient.language,
        zone=parse_zone(patient.time_zone),
        clinic=clinic.name,
        phone=clinic.phone or None,
        summary=_drawn(release),
    )


async def own_summary_pdf(call: Call) -> Response:
    """The same as an accessible PDF."""
    release, visit, patient, clinic = await call.run(_own)
    reader = Reader(
        locale=call.kit.pages.locale(call.request, patient.language),
        zone=parse_zone(patient.time_zone),
        subject=Subject(patient.identifier, patient.name, patient.family, patient.given, patient.birth_date),
        clinic=clinic.name,
        visit_at=visit.started_at or visit.starts_at,
    )
    return saved(await pdf(release, reader), "summary.pdf", vary="Accept-Language, Cookie")


async def _own(unit: Unit) -> tuple[Release, Visit, Patient, Clinic]:
    release = await queries.own_summary(unit)
    visit, patient = await visits.find(unit, release.visit_id), await people.patient(unit, release.patient_id)
    return release, visit, patient, await people.clinic(unit)


def _drawn(release: Release) -> Mapping[str, Any]:
    names = ("number", "note_version", "signed_at", "released_at", "author_name", "note_language", "words_language")
    contents = release.contents
    told: Mapping[str, Sequence[object]] = {
        "sections": [] if contents is None else [_section(each.title, each.text) for each in contents.passages],
        "appointments": [] if contents is None else contents.appointments,
        "tasks": [] if contents is None else contents.tasks,
    }
    words = _words(contents.words) if contents is not None and contents.words else None
    return {**{name: getattr(release, name) for name in names}, "standing": release.standing, **told, "words": words}


def _section(title: str, text: str) -> Mapping[str, Any]:
    return {"title": title, "words": _words(text)}


def _words(text: str) -> Markup:
    """Markdown drawn, below the headings of the page."""
    return Markup(html(parse(text), top=4))  # noqa: S704 -- `html` has escaped it

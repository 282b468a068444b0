"""What an administrator asks of patients: texts to agree to, questions to answer. The pages work without scripts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.errors import NotFound
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.locales import LANGUAGES
from telehealth.http.schemas import FieldError
from telehealth.people import queries as people
from telehealth.people.jurisdictions import choices
from telehealth.scheduling.booking import queries as booking
from telehealth.visits.gates import queries, service
from telehealth.visits.gates.definitions import InvalidQuestionnaire, read_questionnaire
from telehealth.visits.gates.filling import Intake, Published
from telehealth.visits.gates.forms import Question, QuestionnaireForm, TextForm, TextsQuery, drawn
from telehealth.visits.gates.reading import Found, Unreadable, faults_in, read_object
from telehealth.visits.gates.rules import ConsentText, PublishedMeanwhile
from telehealth.visits.lifecycle import queries as visits

EMPTY = TextForm()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # of what is not published

# Texts


async def texts_page(call: Call, query: TextsQuery) -> Response:
    """The texts in force as patients read them, those before them, and a form for another."""
    return await _texts(call, told=query.told, based_on=query.text)


async def publish_on_page(call: Call, body: TextForm) -> Response:
    """Ask patients to agree to this from now on. Nothing typed is lost when it cannot be published."""
    texts = body.texts()
    if not texts:
        return await _texts(call, form=body, errors=[FieldError("text_en", "required")])
    try:
        await call.run(
            service.publish_text,
            visit_type_id=body.visit_type or None,
            jurisdiction=body.location or None,
            texts=texts,
            seen=body.known(),
        )
    except PublishedMeanwhile:
        return await _texts(call, form=body, refused=True)
    return call.redirect("/admin/consent-texts?told=published")


async def retire_on_page(call: Call, text: UUID) -> Response:
    """Ask for it no more."""
    await call.run(service.retire_text, text)
    return call.redirect("/admin/consent-texts?told=retired")


async def _texts(
    call: Call,
    *,
    told: str = "",
    based_on: UUID | None = None,
    form: TextForm = EMPTY,
    errors: Sequence[FieldError] = (),
    refused: bool = False,
) -> Response:
    context = await call.run(_texts_context, based_on)
    status = 409 if refused else 422 if errors else 200
    typed: dict[str, Any] = {"form": form.shown()} if form is not EMPTY or based_on is None else {}
    if errors:
        typed["seen"] = form.seen
    shown = {**context, **typed, "told": told, "errors": errors, "refused": refused}
    return call.render("admin_texts.html", status=status, **shown)


async def _texts_context(unit: Unit, based_on: UUID | None) -> dict[str, Any]:
    kinds = {each.id: each.name for each in await booking.visit_types(unit)}
    texts = await queries.consent_texts(unit)
    reader = await visits.reader(unit)
    base = next((each for each in texts if each.id == based_on), None)
    chosen = base.jurisdiction if base else None
    places = [*await people.licensed_jurisdictions(unit), *filter(None, [each.jurisdiction for each in texts])]
    return {
        "me": reader,
        "zone": reader.time_zone,
        "kinds": kinds,
        "texts": [_text(each, kinds) for each in texts],
        "seen": " ".join(str(each.id) for each in texts if each.retired_at is None),
        "place": {"options": choices(places), "chosen": chosen or ""},
        "form": TextForm.of(base).shown() if base else EMPTY.shown(),
        "tongues": LANGUAGES,
    }


def _text(text: ConsentText, kinds: dict[Any, str]) -> dict[str, Any]:
    names = ("id", "version", "jurisdiction", "published_at", "retired_at")
    kind = kinds.get(text.visit_type_id, "") if text.visit_type_id else None
    wordings = [text.in_language(each) for each in text.texts]
    return {**{name: getattr(text, name) for name in names}, "visit_type": kind, "wordings": wordings}


# Questions


@dataclass(frozen=True, slots=True)
class Checked:
    """What was typed: the faults in it, else the resource and its questions as patients meet them."""

    faults: Sequence[Found] = ()
    unreadable: int = 0
    resource: dict[str, Any] | None = None
    questions: tuple[Question, ...] = ()

    @property
    def sound(self) -> bool:
        return self.resource is not None


async def questionnaires_page(call: Call, query: TextsQuery) -> Response:
    """What is asked before visits of each kind."""
    return call.render("admin_questionnaires.html", told=query.told, **await call.run(_questionnaires))


async def questionnaire_page(call: Call, visit_type: UUID) -> Response:
    """The questions of a kind of visit as JSON, and as the patient meets them."""
    context = await call.run(_questionnaire, visit_type)
    return _edited(call, context, context["typed"], checked=check(context["typed"], call.locale.code))


async def save_on_page(call: Call, visit_type: UUID, body: QuestionnaireForm) -> Response:
    """Show how it would be asked, or ask it from now on; what is wrong with it is said at its line."""
    checked = check(body.questionnaire, call.locale.code)
    context = await call.run(_questionnaire, visit_type)
    if body.action == "preview" or checked.resource is None:
        return _edited(call, context, body.questionnaire, checked=checked, status=200 if checked.sound else 422)
    if body.version != context["version"]:
        return _edited(call, context, body.questionnaire, checked=checked, status=409)
    try:
        await call.run(service.publish_questionnaire, visit_type, checked.resource)
    except PublishedMeanwhile:
        return _edited(call, context, body.questionnaire, checked=checked, status=409)
    return call.redirect("/admin/questionnaires?told=published")


async def retire_questions_on_page(call: Call, visit_type: UUID) -> Response:
    """Ask nothing more before visits of this kind."""
    await call.run(service.retire_questionnaire, visit_type)
    return call.redirect("/admin/questionnaires?told=retired")


def check(typed: str, language: str) -> Checked:
    """Read what was typed as strictly as publishing does. Pure."""
    if not typed.strip():
        return Checked()
    try:
        resource = dict(read_object(typed))
        read_questionnaire(resource)
    except Unreadable as refused:
        return Checked(unreadable=refused.line)
    except InvalidQuestionnaire as refused:
        faults: Any = refused.extras["faults"]
        return Checked(faults_in(typed, resource, faults))
    published = Published(UUID(int=0), 0, resource, EPOCH)
    return Checked(resource=resource, questions=drawn(Intake(published=published), language, {}))


def _edited(call: Call, context: dict[str, Any], typed: str, *, checked: Checked, status: int = 200) -> Response:
    shown = {**context, "typed": typed, "checked": checked, "refused": status == 409}
    return call.render("admin_questionnaire.html", status=status, **shown)


async def _questionnaires(unit: Unit) -> dict[str, Any]:
    reader = await visits.reader(unit)
    kinds = await booking.visit_types(unit)
    asked = {kind.id: await _in_force(unit, kind.id) for kind in kinds}
    return {"me": reader, "zone": reader.time_zone, "kinds": [(kind, asked[kind.id]) for kind in kinds]}


async def _questionnaire(unit: Unit, visit_type_id: UUID) -> dict[str, Any]:
    reader = await visits.reader(unit)
    kind = await booking.visit_type(unit, visit_type_id)
    asked = await _in_force(unit, kind.id)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "kind": kind,
        "version": asked.version if asked else 0,
        "typed": json.dumps(asked.resource, ensure_ascii=False, indent=2) if asked else "",
    }


async def _in_force(unit: Unit, visit_type_id: UUID) -> Published | None:
    try:
        return await queries.questionnaire(unit, visit_type_id)
    except NotFound:
        return None

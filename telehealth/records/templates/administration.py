"""Where an administrator writes what notes begin with. The page works without scripts and loses nothing typed."""

from typing import Any
from uuid import UUID

from markupsafe import Markup
from starlette.responses import Response

from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.records.notes.markdown import html, parse
from telehealth.records.templates import queries, service
from telehealth.records.templates.rules import (
    Fault,
    Phrase,
    TemplateChanged,
    UnreadablePhrases,
    read_phrases,
    written_phrases,
)
from telehealth.records.templates.schemas import TemplateForm, TemplateQuery
from telehealth.scheduling.booking import queries as booking
from telehealth.visits.lifecycle import queries as visits


async def template_page(call: Call, query: TemplateQuery) -> Response:
    """The template in force for a kind of visit or for all, to be changed."""
    context = await call.run(_context, query.visit_type or None)
    return call.render("admin_note_template.html", **{**context, "told": query.told})


async def publish_template(call: Call, body: TemplateForm) -> Response:
    """Show how it would look, or give it to authors from now on."""
    context = await call.run(_context, body.visit_type or None)
    typed = {**context, "typed": body}
    try:
        phrases = read_phrases(body.phrases)
    except UnreadablePhrases as refused:
        return call.render("admin_note_template.html", status=422, **{**typed, "faults": refused.faults})
    if body.action == "preview":
        return call.render("admin_note_template.html", **{**typed, **_preview(body.content, phrases)})
    kind, content = body.visit_type or None, body.content
    try:
        await call.run(service.publish, kind, version=body.version, content=content, phrases=phrases)
    except TemplateChanged:
        return await _changed(call, body)
    return call.redirect(f"/admin/note-templates?visit_type={body.visit_type}&told=published")


async def _changed(call: Call, body: TemplateForm) -> Response:
    """What was typed, and what has been published meanwhile: published again it takes its place."""
    context = await call.run(_context, body.visit_type or None)
    theirs = context["typed"]
    typed = body.model_copy(update={"version": theirs["version"]})
    return call.render("admin_note_template.html", status=409, **{**context, "typed": typed, "theirs": theirs})


async def _context(unit: Unit, visit_type_id: UUID | None) -> dict[str, Any]:
    reader = await visits.reader(unit)
    found = await queries.in_force(unit, visit_type_id)
    phrases = found.phrases if found else ()
    faults: tuple[Fault, ...] = ()
    return {
        "me": reader,
        "zone": reader.time_zone,
        "kinds": await booking.visit_types(unit),
        "chosen": visit_type_id,
        "typed": {
            "version": found.version if found else 0,
            "content": found.content if found else "",
            "phrases": written_phrases(phrases),
        },
        "faults": faults,
        "drawn": (),
        **dict.fromkeys(("theirs", "told", "preview"), ""),
    }


def _preview(content: str, phrases: tuple[Phrase, ...]) -> dict[str, Any]:
    return {"preview": _drawn(content), "drawn": [(each.name, _drawn(each.text)) for each in phrases]}


def _drawn(text: str) -> Markup:
    return Markup(html(parse(text), top=3))  # noqa: S704 -- `html` has escaped it

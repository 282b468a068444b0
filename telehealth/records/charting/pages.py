"""The clinician's room: the call beside the note. Its forms work without scripts and never lose what was typed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from markupsafe import Markup
from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.errors import Refusal, Stale
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.sse import stream
from telehealth.people import queries as people
from telehealth.records.attachments import queries as attachments
from telehealth.records.attachments.ports import Limits
from telehealth.records.attachments.rules import MEBIBYTE
from telehealth.records.charting import queries, service
from telehealth.records.charting.ports import RoomFollowUps, SupervisorTasks
from telehealth.records.charting.queries import Version
from telehealth.records.charting.rules import NoteStatus
from telehealth.records.charting.schemas import NoteForm
from telehealth.records.delivery.ports import Destinations
from telehealth.records.notes.amendments import words_of
from telehealth.records.notes.markdown import html, parse
from telehealth.records.notes.queries import authored_visit
from telehealth.records.notes.rules import AlreadySigned, AwaitsCosignature, NothingToSign, NotToBeSigned, as_signed
from telehealth.records.templates import queries as templates
from telehealth.visits.gates import queries as gates
from telehealth.visits.gates.forms import answers_of
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.events import visit_topic
from telehealth.visits.lifecycle.parts import Step, allowed
from telehealth.visits.lifecycle.rules import Visit, VisitStatus
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants.rules import Participant

TO_WAIVE = frozenset({VisitStatus.BOOKED, VisitStatus.ARRIVED, VisitStatus.READY})
FORGIVEN = (Stale, AlreadySigned, AwaitsCosignature, NotToBeSigned, NothingToSign)


async def room(call: Call, visit: UUID) -> Response:
    """The visit, its note and its follow-ups, for the clinician who gives it."""
    return call.render("room.html", **await call.run(_room, visit, _around(call)))


async def save_on_page(call: Call, visit: UUID, body: NoteForm) -> Response:
    """Save the note's form."""
    return await _settled(call, visit, body, sign_for=None)


async def preview_on_page(call: Call, visit: UUID, body: NoteForm) -> Response:
    """The page with what was typed and how it will be read. Nothing is saved."""
    context = await call.run(_room, visit, _around(call))
    if context["note"]["state"] == NoteStatus.DRAFT:
        context["note"].update(content=body.content, version=body.version)
        context = {**context, "preview": Markup(drawn(body.content))}  # noqa: S704 -- `html` has escaped it
    return call.render("room.html", **context)


async def sign_on_page(call: Call, visit: UUID, body: NoteForm) -> Response:
    """Save the note's form and sign it."""
    return await _settled(
        call, visit, body, sign_for=_SignFor(call.port(Destinations).names, call.port(SupervisorTasks))
    )


async def follow_room(call: Call, visit: UUID) -> Response:
    """Server-sent events: a version that changes with the visit, its note and the way of the note to the record."""
    authored = await call.run(authored_visit, visit)

    async def version() -> str:
        return await call.run(_mark, visit)

    return stream(call, (visit_topic(authored.id),), version)


@dataclass(frozen=True, slots=True)
class _SignFor:
    """Where a signed note goes, or who hears of it first."""

    destinations: Sequence[str]
    tasks: SupervisorTasks


async def _settled(call: Call, visit: UUID, form: NoteForm, *, sign_for: _SignFor | None) -> Response:
    try:
        await call.run(_save, visit, form, sign_for)
    except FORGIVEN as refusal:
        return await _typed_again(call, visit, form, refusal)
    return call.redirect(f"/visits/{visit}")


async def _typed_again(call: Call, visit: UUID, form: NoteForm, refusal: Refusal) -> Response:
    """The page again with what was typed; a note that was signed meanwhile stays as it was signed."""
    return await shown_again(call, visit, refusal, content=form.content)


async def shown_again(
    call: Call, visit: UUID, refusal: Refusal, *, content: str | None = None, reason: str = ""
) -> Response:
    """The page again, with why something was not done and what had been typed."""
    context = await call.run(_room, visit, _around(call), fault=refusal.title)
    if content is not None and context["note"]["state"] == NoteStatus.DRAFT:
        context["note"]["content"] = content
    return call.render("room.html", status=409, **{**context, "reason": reason})


async def _save(unit: Unit, visit_id: UUID, form: NoteForm, sign_for: _SignFor | None) -> None:
    note = await queries.open_note(unit, visit_id)
    if note.content != form.content or note.version == 0:
        note = await service.save_draft(unit, visit_id, version=form.version, content=form.content, kind=note.kind)
    if sign_for is not None:
        to, tasks = sign_for.destinations, sign_for.tasks
        await service.sign(unit, visit_id, version=note.version, destinations=to, tasks=tasks)


@dataclass(frozen=True, slots=True)
class _Around:
    """What the room shows from elsewhere, and for whom: `megabytes` is the most that a file may have."""

    follow_ups: RoomFollowUps
    language: str
    megabytes: int


def _around(call: Call) -> _Around:
    return _Around(call.port(RoomFollowUps), call.locale.code, call.port(Limits).largest // MEBIBYTE)


async def _room(unit: Unit, visit_id: UUID, around: _Around, *, fault: str = "") -> Mapping[str, Any]:
    visit = await authored_visit(unit, visit_id)
    reader = await visits.reader(unit)
    patient = await people.patient(unit, visit.patient_id)
    note = await queries.open_note(unit, visit_id)
    supply = await templates.supply_for(unit, visit.visit_type_id)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "stream": f"/v1/visits/{visit.id}/room",
        "fault": fault,
        "visit": {
            "id": visit.id,
            "status": visit.status,
            "starts_at": visit.starts_at,
            "patient_name": patient.name,
            "birth_date": patient.birth_date,
            "language": patient.language,
            "waiting_since": visit.waiting_since if visit.status is VisitStatus.READY else None,
            "check": visit.check,
        },
        "note": {
            "content": note.content if note.version else supply.content,
            "version": note.version,
            "state": note.state,
            "saved_at": note.saved_at,
            "signed_at": note.signed_at,
            "amendment": note.amendment,
            "cosignature": note.cosignature,
        },
        "versions": [_drawn(each) for each in await queries.versions(unit, visit_id)],
        "reason": "",
        "preview": "",
        "phrases": {each.name: each.text for each in supply.phrases},
        "people": [_companion(each, unit.actor.role) for each in await participants.companions(unit, visit.id)],
        "follow_ups": await around.follow_ups.of_visit(unit, visit.id),
        "files": await attachments.files_of(unit, visit.id),
        "megabytes": around.megabytes,
        **await _before(unit, visit, around.language),
    }


async def _before(unit: Unit, visit: Visit, language: str) -> Mapping[str, Any]:
    """What stands before the waiting room, and what the patient answered."""
    waivers, intake = await gates.waivers(unit, visit), await gates.completed(unit, visit)
    return {
        "gates": [
            {
                "gate": each.gate,
                "state": each.state,
                "by": waived.waived_by if (waived := waivers.get(each.gate)) else "",
                "reason": waived.reason if waived else None,
            }
            for each in await gates.standings(unit, visit)
        ],
        "waivable": visit.status in TO_WAIVE,
        "withdrawn": bool(await gates.withdrawn(unit, [visit.id])),
        "answers": None if intake is None else answers_of(intake, language),
    }


def drawn(content: str, *, top: int = 4) -> str:
    """What is typed as it is read once it is signed: XHTML, below the headings of the page."""
    return html(parse(as_signed(content)), top=top)


def _drawn(version: Version) -> Mapping[str, Any]:
    """A signed version as it is read: its words drawn, below the headings of the page."""
    names = ("version", "relation", "relates_to", "status", "author_name", "signed_at", "cosigned", "state")
    words = Markup(html(parse(words_of(version.text)), top=4))  # noqa: S704 -- `html` has escaped it
    return {**{name: getattr(version, name) for name in names}, "words": words}


def _companion(each: Participant, role: Role) -> Mapping[str, Any]:
    return {
        "id": each.id,
        "name": each.name,
        "kind": each.kind,
        "state": each.state,
        "locked": each.locked_until is not None,
        "let_in": Step.ADMIT in allowed(each.state, role, each.circumstances()),
    }


async def _mark(unit: Unit, visit_id: UUID) -> str:
    visit, invited = await visits.visit_version(unit, visit_id), await participants.mark(unit, visit_id)
    note, files = await queries.note_mark(unit, visit_id), await attachments.files_mark(unit, visit_id)
    return f"{visit}-{invited}-{await gates.mark(unit, visit_id)}-{note}-{files}"

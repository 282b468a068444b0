"""What the author of a signed note does with it on its page, without scripts: amend, give up, retract."""

from uuid import UUID

from starlette.responses import Response

from telehealth.core.errors import Refusal, Stale
from telehealth.http.call import Call
from telehealth.records.charting import pages, service
from telehealth.records.charting.schemas import AmendForm, DiscardForm, RetractForm
from telehealth.records.delivery.ports import Destinations
from telehealth.records.notes.amendments import NotToBeAmended, NotToBeRetracted, Relation
from telehealth.records.notes.rules import AlreadySigned, AwaitsCosignature, NothingToSign, NotSigned

FORGIVEN: tuple[type[Refusal], ...] = (
    Stale,
    AlreadySigned,
    AwaitsCosignature,
    NotSigned,
    NotToBeAmended,
    NotToBeRetracted,
    NothingToSign,
)


async def amend_on_page(call: Call, visit: UUID, body: AmendForm) -> Response:
    """Begin an addendum, a replacement or, once all was retracted, a new text."""
    relation = None if body.relation == "anew" else Relation(body.relation)
    try:
        await call.run(service.amend, visit, version=body.version, relation=relation)
    except FORGIVEN as refusal:
        return await pages.shown_again(call, visit, refusal)
    return call.redirect(f"/visits/{visit}#note-title")


async def discard_on_page(call: Call, visit: UUID, body: DiscardForm) -> Response:
    """Give up what was drafted since the last signature."""
    try:
        await call.run(service.discard, visit, version=body.version)
    except FORGIVEN as refusal:
        return await pages.shown_again(call, visit, refusal)
    return call.redirect(f"/visits/{visit}#note-title")


async def retract_on_page(call: Call, visit: UUID, body: RetractForm) -> Response:
    """Take a signed version back. A reason that was typed is shown again when it is not taken."""
    destinations = call.port(Destinations).names
    try:
        await call.run(service.retract, visit, **body.model_dump(), destinations=destinations)
    except FORGIVEN as refusal:
        return await pages.shown_again(call, visit, refusal, reason=body.reason)
    return call.redirect(f"/visits/{visit}#note-title")

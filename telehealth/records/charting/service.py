"""What an author does with a note: save it, and sign it in one stroke that sends it on its way to the record."""

from collections.abc import Sequence
from uuid import UUID

from telehealth.db.unit import Unit
from telehealth.records.charting.queries import Note, note_of
from telehealth.records.delivery import service as delivery
from telehealth.records.notes import service as notes
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.rules import NoteKind


async def save_draft(unit: Unit, visit_id: UUID, *, version: int, content: str, kind: NoteKind) -> Note:
    """Save over that version, 0 for the first. Raises NotFound, Stale when it is not the latest, AlreadySigned."""
    await notes.save_draft(unit, visit_id, version=version, content=content, kind=kind)
    return await note_of(unit, visit_id)


async def sign(unit: Unit, visit_id: UUID, *, version: int, destinations: Sequence[str]) -> Note:
    """Freeze that version, and send it on its way to each destination. Signing twice is signing once.

    Raises NotFound, Stale, NotToBeSigned before the visit has begun, NothingToSign.
    """
    signed = await notes.freeze(unit, visit_id, version=version)
    if signed is not None:
        await delivery.queue(unit, signed.id, destinations)
    return await note_of(unit, visit_id)


async def amend(unit: Unit, visit_id: UUID, *, version: int, relation: Relation | None) -> Note:
    """Begin an amendment of that kind. Raises NotFound, Stale, NotSigned, NotToBeAmended."""
    await notes.amend(unit, visit_id, version=version, relation=relation)
    return await note_of(unit, visit_id)


async def discard(unit: Unit, visit_id: UUID, *, version: int) -> Note:
    """Give up the amendment that is being drafted. Raises NotFound, Stale, NotSigned, AlreadySigned."""
    await notes.discard(unit, visit_id, version=version)
    return await note_of(unit, visit_id)


async def retract(
    unit: Unit, visit_id: UUID, *, version: int, signed: int, reason: str, destinations: Sequence[str]
) -> Note:
    """Take a signed version back, here and in the record. Raises NotFound, Stale, NotSigned, NotToBeRetracted,
    NothingToSign.
    """
    retraction = await notes.retract(unit, visit_id, version=version, signed=signed, reason=reason)
    await delivery.queue(unit, retraction.id, destinations)
    return await note_of(unit, visit_id)

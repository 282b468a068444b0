"""What an author does with a note: save it, and sign it in one stroke that sends it on its way to the record."""

from collections.abc import Sequence
from uuid import UUID

from telehealth.db.unit import Unit
from telehealth.records.charting.queries import Note, note_of
from telehealth.records.delivery import service as delivery
from telehealth.records.notes import service as notes
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

"""What an author does with a note: save it, and sign it in one stroke that sends it on its way to the record."""

from collections.abc import Sequence
from uuid import UUID

from telehealth.db.unit import Unit
from telehealth.records.charting.cosignatures import Awaited, awaited
from telehealth.records.charting.ports import SupervisorTasks
from telehealth.records.charting.queries import Note, note_of
from telehealth.records.delivery import service as delivery
from telehealth.records.notes import cosigning
from telehealth.records.notes import service as notes
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.queries import SignedVersion
from telehealth.records.notes.rules import NoteKind
from telehealth.records.notes.service import Asked


async def save_draft(unit: Unit, visit_id: UUID, *, version: int, content: str, kind: NoteKind) -> Note:
    """Save over that version, 0 for the first. Raises NotFound, Stale when it is not the latest, AlreadySigned."""
    await notes.save_draft(unit, visit_id, version=version, content=content, kind=kind)
    return await note_of(unit, visit_id)


async def sign(
    unit: Unit, visit_id: UUID, *, version: int, destinations: Sequence[str], tasks: SupervisorTasks
) -> Note:
    """Freeze that version, and send it on its way to each destination. Signing twice is signing once. What a trainee
    signs goes nowhere yet: each of their supervisors gets a task.

    Raises NotFound, Stale, NotToBeSigned before the visit has begun, NothingToSign.
    """
    match await notes.freeze(unit, visit_id, version=version):
        case SignedVersion(id=signed):
            await delivery.queue(unit, signed, destinations)
        case Asked(supervisors):
            await tasks.ask(unit, visit_id, supervisors)
    return await note_of(unit, visit_id)


async def cosign(
    unit: Unit, visit_id: UUID, *, version: int, destinations: Sequence[str], tasks: SupervisorTasks
) -> Awaited:
    """Make what a trainee signed final, and send it on its way. Raises NotFound, Stale, NotAwaited, NotToBeSigned."""
    signed = await cosigning.cosign(unit, visit_id, version=version)
    if signed is not None:
        await delivery.queue(unit, signed.id, destinations)
        await tasks.settle(unit, visit_id)
    return await awaited(unit, visit_id)


async def give_back(unit: Unit, visit_id: UUID, *, version: int, reason: str, tasks: SupervisorTasks) -> Awaited:
    """Return it to the trainee, for that reason. Raises NotFound, Stale, NotAwaited, NothingToSign."""
    await cosigning.give_back(unit, visit_id, version=version, reason=reason)
    await tasks.settle(unit, visit_id)
    return await awaited(unit, visit_id)


async def withdraw(unit: Unit, visit_id: UUID, *, version: int, tasks: SupervisorTasks) -> Note:
    """The trainee takes the signature back. Raises NotFound, Stale, NotAwaited."""
    await cosigning.withdraw(unit, visit_id, version=version)
    await tasks.settle(unit, visit_id)
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

"""What becomes of a trainee's signature: a supervisor co-signs or returns it, or its author takes it back."""

from uuid import UUID

from sqlalchemy import update

from telehealth.core.errors import Stale
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.records.notes.amendments import Relation, target
from telehealth.records.notes.events import CosignatureChanged
from telehealth.records.notes.models import CosignatureRow, NoteRow
from telehealth.records.notes.queries import (
    Cosignature,
    SignedVersion,
    authored_visit,
    cosignature,
    cosigned_words,
    history,
    supervised_visit,
)
from telehealth.records.notes.rules import (
    SIGNABLE,
    CosignatureState,
    Cosigned,
    NotAwaited,
    NoteState,
    NothingToSign,
    NotToBeSigned,
)
from telehealth.records.notes.service import Signature, Step, event_of, locked_note, write_version
from telehealth.records.notes.wording import cleaned


async def cosign(unit: Unit, visit_id: UUID, *, version: int) -> SignedVersion | None:
    """What the trainee signed is final, as the version that was read; None when the actor has co-signed it already.

    Raises NotFound for all but the supervisors of its author, Stale, NotAwaited, NotToBeSigned when the visit turned
    out never to have been.
    """
    visit, row, asked = await supervised_visit(unit, visit_id, action="execute")
    if asked.state is CosignatureState.GIVEN and (asked.revision, asked.decided_by) == (version, unit.actor.person_id):
        return None
    _check(asked, version)
    if visit.status not in SIGNABLE:
        raise NotToBeSigned
    supervisor = await people.clinician(unit, _me(unit))
    earlier = await history(unit, row.id)
    relation = None if row.relation is None else Relation(row.relation)
    words = await cosigned_words(unit, asked.id)
    cosigned = Cosigned(supervisor.id, supervisor.name, unit.now)
    signature = Signature(asked.author_id, asked.author_name, asked.signed_at, cosigned)
    row.state, row.relation = NoteState.SIGNED, None
    await _decide(unit, row, asked, CosignatureState.GIVEN)
    return await write_version(unit, row, visit, Step(earlier, relation, target(earlier, relation), words, signature))


async def give_back(unit: Unit, visit_id: UUID, *, version: int, reason: str) -> None:
    """The trainee has to write more: the note is a draft again. Raises NotFound, Stale, NotAwaited, NothingToSign
    without a reason.
    """
    _, row, asked = await supervised_visit(unit, visit_id, action="execute")
    _check(asked, version)
    if not cleaned(reason).strip():
        raise NothingToSign
    await _reopen(unit, row, asked, CosignatureState.RETURNED, reason=cleaned(reason))


async def withdraw(unit: Unit, visit_id: UUID, *, version: int) -> None:
    """The author takes the signature back before anybody has co-signed. Raises NotFound, Stale, NotAwaited."""
    visit = await authored_visit(unit, visit_id, action="update")
    row = await locked_note(unit, visit)
    asked = None if row is None else await cosignature(unit, row.id)
    if row is None or asked is None:
        raise NotAwaited
    _check(asked, version)
    await _reopen(unit, row, asked, CosignatureState.WITHDRAWN)


def _check(asked: Cosignature, version: int) -> None:
    if asked.state is not CosignatureState.AWAITED:
        raise NotAwaited
    if asked.revision != version:
        raise Stale


async def _reopen(unit: Unit, row: NoteRow, asked: Cosignature, state: CosignatureState, *, reason: str = "") -> None:
    row.state, row.revision = NoteState.DRAFT, row.revision + 1
    await _decide(unit, row, asked, state, reason=reason)
    unit.emit(event_of(CosignatureChanged, row, len(await history(unit, row.id)) + 1))


async def _decide(unit: Unit, row: NoteRow, asked: Cosignature, state: CosignatureState, *, reason: str = "") -> None:
    sealed = unit.vault.seal(("cosignature", "reason", asked.id), reason) if reason else None
    known = update(CosignatureRow).where(CosignatureRow.id == asked.id)
    await unit.session.execute(known.values(state=state, decided_by=_me(unit), decided_at=unit.now, reason=sealed))
    await unit.session.flush()
    unit.audit("update", "cosignature", asked.id, patient_id=row.patient_id)


def _me(unit: Unit) -> ClinicianId:
    assert unit.actor.person_id is not None  # noqa: S101 -- whoever comes here is a clinician
    return ClinicianId(unit.actor.person_id)

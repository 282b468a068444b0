"""Commands on notes: saved while typed, frozen by a signature."""

import hashlib
from uuid import UUID

from sqlalchemy import select

from telehealth.core.errors import Stale
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.records.notes.events import NoteSigned
from telehealth.records.notes.models import NoteRow, NoteVersionRow
from telehealth.records.notes.queries import SignedVersion, authored_visit, told
from telehealth.records.notes.rules import (
    SIGNABLE,
    AlreadySigned,
    NoteKind,
    NoteState,
    NothingToSign,
    NotToBeSigned,
    render,
)
from telehealth.visits.lifecycle.rules import Visit


async def save_draft(unit: Unit, visit_id: UUID, *, version: int, content: str, kind: NoteKind) -> None:
    """Save over that version, 0 for the first. Raises NotFound, Stale when it is not the latest, AlreadySigned."""
    visit = await authored_visit(unit, visit_id, action="update")
    row = await _locked(unit, visit)
    if row is None:
        if version != 0:
            raise Stale
        row = _first(unit, visit)
        unit.session.add(row)
    elif row.state == NoteState.SIGNED:
        raise AlreadySigned
    elif row.revision != version:
        raise Stale
    row.revision = version + 1
    row.kind = kind
    row.content = unit.vault.seal(("note", "content", row.id), content)
    row.saved_at = unit.now
    await unit.session.flush()


async def freeze(unit: Unit, visit_id: UUID, *, version: int) -> SignedVersion | None:
    """Sign that version; None when it is signed already.

    Raises NotFound, Stale, NotToBeSigned before the visit has begun, NothingToSign.
    """
    visit = await authored_visit(unit, visit_id, action="execute")
    row = await _locked(unit, visit)
    if row is None or row.revision != version:
        raise Stale
    if row.state == NoteState.SIGNED:
        return None
    if visit.status not in SIGNABLE:
        raise NotToBeSigned
    signed = told(await _signed(unit, row, visit), row)
    row.state = NoteState.SIGNED
    await unit.session.flush()
    unit.emit(
        NoteSigned(
            note_id=signed.note_id,
            visit_id=signed.visit_id,
            patient_id=signed.patient_id,
            clinician_id=signed.clinician_id,
            version=signed.version,
        )
    )
    return signed


async def _locked(unit: Unit, visit: Visit) -> NoteRow | None:
    return await unit.session.scalar(select(NoteRow).where(NoteRow.visit_id == visit.id).with_for_update())


def _first(unit: Unit, visit: Visit) -> NoteRow:
    return NoteRow(
        id=unit.new_id(),
        visit_id=visit.id,
        patient_id=visit.patient_id,
        clinician_id=visit.clinician_id,
        state=NoteState.DRAFT,
        created_at=unit.now,
    )


async def _signed(unit: Unit, row: NoteRow, visit: Visit) -> NoteVersionRow:
    content = unit.vault.open(("note", "content", row.id), row.content)
    if not content.strip():
        raise NothingToSign
    author = await people.clinician(unit, visit.clinician_id)
    text = render(
        content,
        kind=NoteKind(row.kind),
        author_name=author.name,
        started_at=visit.started_at or visit.starts_at,
        signed_at=unit.now,
    )
    version = NoteVersionRow(
        id=unit.new_id(),
        note_id=row.id,
        version=1,
        kind=row.kind,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        author_id=author.id,
        author_name=author.name,
        signed_at=unit.now,
    )
    version.content = unit.vault.seal(("note_version", "content", version.id), text)
    unit.session.add(version)
    await unit.session.flush()
    return version

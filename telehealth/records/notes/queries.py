"""Reading notes. A draft is its author's alone."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, NoteId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.records.notes.amendments import Relation, Signed
from telehealth.records.notes.models import CosignatureRow, NoteRow, NoteVersionRow
from telehealth.records.notes.rules import CosignatureState, Cosigned, NoteKind
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.lifecycle.service import open_known, open_visit


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedVersion(Signed):
    """One signed version of a visit's note, without its text. `version` counts signatures from 1."""

    id: UUID
    note_id: NoteId
    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    kind: NoteKind
    sha256: str
    author_id: ClinicianId
    author_name: str
    cosigned: Cosigned | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosignature:
    """What a trainee signed of the note's `revision`, and what became of it; `decided_by` is a supervisor, or the
    author who took it back.
    """

    id: UUID
    revision: int
    sha256: str
    author_id: ClinicianId
    author_name: str
    signed_at: datetime
    state: CosignatureState
    decided_by: ClinicianId | None = None
    decided_at: datetime | None = None
    reason: str = ""


async def cosignature(unit: Unit, note_id: UUID) -> Cosignature | None:
    """The latest of that note. The actor's right was looked at already."""
    latest = select(CosignatureRow).where(CosignatureRow.note_id == note_id).order_by(CosignatureRow.revision.desc())
    row = await unit.session.scalar(latest.limit(1).execution_options(populate_existing=True))
    return None if row is None else _cosignature_of(unit, row)


async def cosigned_words(unit: Unit, cosignature_id: UUID) -> str:
    """What the trainee signed. Who asks writes the trace."""
    row = await unit.session.get_one(CosignatureRow, cosignature_id)
    return unit.vault.open(("cosignature", "content", row.id), row.content)


async def supervised_visit(unit: Unit, visit_id: UUID, *, action: str = "read") -> tuple[Visit, NoteRow, Cosignature]:
    """The visit of a note that a trainee signed, for one of the trainee's supervisors; the note is locked when
    something is to be done to it. Raises NotFound.
    """
    of_visit = select(NoteRow).where(NoteRow.visit_id == visit_id)
    locked = of_visit if action == "read" else of_visit.with_for_update()
    note = await unit.session.scalar(locked.execution_options(populate_existing=True))
    asked = None if note is None else await cosignature(unit, note.id)
    if note is None or asked is None or unit.actor.role is not Role.CLINICIAN:
        raise NotFound
    if unit.actor.person_id not in {each.id for each in await people.supervisors(unit, asked.author_id)}:
        raise NotFound
    return await open_known(unit, visit_id, action=action), note, asked


async def authored_visit(unit: Unit, visit_id: UUID, *, action: str = "read") -> Visit:
    """The visit, for the clinician who gives it. Raises NotFound."""
    visit = await open_visit(unit, visit_id, action=action)
    if unit.actor.role is not Role.CLINICIAN or unit.actor.person_id != visit.clinician_id:
        raise NotFound
    return visit


async def signed_version(unit: Unit, version_id: UUID) -> SignedVersion:
    """For whoever carries it on, with the actor's right looked at already."""
    version, note = await _signed(unit, version_id)
    return told(version, note)


async def history(unit: Unit, note_id: UUID) -> list[SignedVersion]:
    """All signed versions of a note in their order, for `amendments`. The actor's right was looked at already."""
    query = (
        select(NoteVersionRow, NoteRow)
        .join(NoteRow, NoteRow.id == NoteVersionRow.note_id)
        .where(NoteRow.id == note_id)
        .order_by(NoteVersionRow.version)
    )
    return [told(version, note) for version, note in await unit.session.execute(query)]


async def history_of_visit(unit: Unit, visit_id: UUID, *, lock: bool = False) -> list[SignedVersion]:
    """The same by visit, empty before the first signature. With `lock` nothing is signed until the unit ends."""
    of_visit = select(NoteRow.id).where(NoteRow.visit_id == visit_id)
    note_id = await unit.session.scalar(of_visit.with_for_update() if lock else of_visit)
    return [] if note_id is None else await history(unit, note_id)


async def signed_text(unit: Unit, version_id: UUID) -> str:
    """What was signed, to the byte. Who asks writes the trace."""
    version, _ = await _signed(unit, version_id)
    return unit.vault.open(("note_version", "content", version.id), version.content)


def told(version: NoteVersionRow, note: NoteRow) -> SignedVersion:
    return SignedVersion(
        id=version.id,
        note_id=NoteId(note.id),
        visit_id=VisitId(note.visit_id),
        patient_id=PatientId(note.patient_id),
        clinician_id=ClinicianId(note.clinician_id),
        version=version.version,
        kind=NoteKind(version.kind),
        sha256=version.sha256,
        author_id=ClinicianId(version.author_id),
        author_name=version.author_name,
        signed_at=version.signed_at,
        cosigned=cosigned_of(version),
        relation=None if version.relation is None else Relation(version.relation),
        relates_to=version.relates_to,
    )


def cosigned_of(version: NoteVersionRow) -> Cosigned | None:
    by, name, at = version.cosigner_id, version.cosigner_name, version.cosigned_at
    return None if by is None or name is None or at is None else Cosigned(ClinicianId(by), name, at)


def _cosignature_of(unit: Unit, row: CosignatureRow) -> Cosignature:
    return Cosignature(
        id=row.id,
        revision=row.revision,
        sha256=row.sha256,
        author_id=ClinicianId(row.author_id),
        author_name=row.author_name,
        signed_at=row.signed_at,
        state=CosignatureState(row.state),
        decided_by=None if row.decided_by is None else ClinicianId(row.decided_by),
        decided_at=row.decided_at,
        reason="" if row.reason is None else unit.vault.open(("cosignature", "reason", row.id), row.reason),
    )


async def _signed(unit: Unit, version_id: UUID) -> tuple[NoteVersionRow, NoteRow]:
    query = (
        select(NoteVersionRow, NoteRow)
        .join(NoteRow, NoteRow.id == NoteVersionRow.note_id)
        .where(NoteVersionRow.id == version_id)
    )
    version, note = (await unit.session.execute(query)).one()
    return version, note

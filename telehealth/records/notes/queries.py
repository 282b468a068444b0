"""Reading notes. A draft is its author's alone."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, NoteId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.records.notes.amendments import Relation, Signed
from telehealth.records.notes.models import NoteRow, NoteVersionRow
from telehealth.records.notes.rules import NoteKind
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.lifecycle.service import open_visit


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
        relation=None if version.relation is None else Relation(version.relation),
        relates_to=version.relates_to,
    )


async def _signed(unit: Unit, version_id: UUID) -> tuple[NoteVersionRow, NoteRow]:
    query = (
        select(NoteVersionRow, NoteRow)
        .join(NoteRow, NoteRow.id == NoteVersionRow.note_id)
        .where(NoteVersionRow.id == version_id)
    )
    version, note = (await unit.session.execute(query)).one()
    return version, note

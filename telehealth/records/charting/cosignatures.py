"""What a supervisor reads of a note that a trainee signed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telehealth.core.ids import PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.records.charting.queries import Summary, in_force
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.queries import cosigned_words, supervised_visit
from telehealth.records.notes.rules import CosignatureState, NoteKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """What a supervisor reads of a trainee's note before they co-sign it. `version` is the note's, for If-Match;
    `content` is empty once it is decided: what was co-signed is in force, what was taken back perhaps another
    patient's; `in_force` is what is signed already, that it would append to or replace.
    """

    visit_id: VisitId
    patient_id: PatientId
    version: int
    kind: NoteKind
    content: str
    sha256: str
    author_name: str
    signed_at: datetime
    state: CosignatureState
    amendment: Relation | None
    in_force: tuple[Summary, ...]


async def awaited(unit: Unit, visit_id: UUID) -> Awaited:
    """What a trainee signed of that visit, for one of their supervisors; audited. Raises NotFound."""
    visit, row, asked = await supervised_visit(unit, visit_id)
    unit.audit("read", "cosignature", asked.id, patient_id=visit.patient_id)
    return Awaited(
        visit_id=visit.id,
        patient_id=visit.patient_id,
        version=row.revision,
        kind=NoteKind(row.kind),
        content=await cosigned_words(unit, asked.id) if asked.state is CosignatureState.AWAITED else "",
        sha256=asked.sha256,
        author_name=asked.author_name,
        signed_at=asked.signed_at,
        state=asked.state,
        amendment=None if row.relation is None else Relation(row.relation),
        in_force=await in_force(unit, row.id),
    )

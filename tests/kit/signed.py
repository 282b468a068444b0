"""Signed notes in a database, and a record service in memory that knows every patient."""

from collections.abc import Sequence
from uuid import uuid4

from telehealth.core.actors import SYSTEM
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.records.charting import queries as charting_read
from telehealth.records.charting import service as charting
from telehealth.records.delivery import service as delivery
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.memory import MemoryRecordService
from telehealth.records.delivery.ports import Document, Found, VisitState
from telehealth.records.delivery.rules import Answer, Identifier
from telehealth.records.notes import service as notes
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.rules import NoteKind
from tests.kit.visits import Arranged, arrange_visit

MRN = "urn:example:mrn"


async def signed_note(
    unit_of_work: UnitOfWork, identifier: Identifier | None = None, destinations: Sequence[str] = (RECORD_SERVICE,)
) -> Arranged:
    arranged = await drafted_note(unit_of_work, identifier)
    await unit_of_work.run(
        charting.sign,
        arranged.clinician,
        arranged.visit_id,
        version=1,
        destinations=destinations,
        tasks=CosignatureTasks(),
    )
    return arranged


async def drafted_note(unit_of_work: UnitOfWork, identifier: Identifier | None = None) -> Arranged:
    """Saved once, so that version 1 is what there is to be signed."""
    patient = identifier or Identifier(MRN, str(uuid4()))
    arranged = await unit_of_work.run(arrange_visit, SYSTEM, identifier=f"{patient.system}|{patient.value}")
    await unit_of_work.run(
        charting.save_draft,
        arranged.clinician,
        arranged.visit_id,
        version=0,
        content="CANARY. Rest.",
        kind=NoteKind.PROGRESS,
    )
    return arranged


async def amended_note(
    unit_of_work: UnitOfWork,
    arranged: Arranged,
    relation: Relation | None,
    destinations: Sequence[str] = (RECORD_SERVICE,),
) -> None:
    """An addendum or a replacement of the note, or after a retraction (no relation) another text, signed."""
    note = await unit_of_work.run(charting_read.open_note, arranged.clinician, arranged.visit_id)
    mine = arranged.clinician, arranged.visit_id
    await unit_of_work.run(notes.amend, *mine, version=note.version, relation=relation)
    words = f"Amended: {relation}."
    await unit_of_work.run(notes.save_draft, *mine, version=note.version + 1, content=words, kind=NoteKind.PROGRESS)
    await unit_of_work.run(
        charting.sign, *mine, version=note.version + 2, destinations=destinations, tasks=CosignatureTasks()
    )


async def retracted_note(
    unit_of_work: UnitOfWork, arranged: Arranged, signed: int, destinations: Sequence[str] = (RECORD_SERVICE,)
) -> None:
    """A signed version of the note, taken back."""
    note = await unit_of_work.run(charting_read.open_note, arranged.clinician, arranged.visit_id)

    async def retract(unit: Unit) -> None:
        version = await notes.retract(
            unit, arranged.visit_id, version=note.version, signed=signed, reason="Wrong patient."
        )
        await delivery.queue(unit, version.id, destinations)

    await unit_of_work.run(retract, arranged.clinician)


class Everybody(MemoryRecordService):
    """Knows every patient, each once."""

    async def find(self, document: Document) -> Found:
        if document.patient not in self.patients:
            self.patients.append(document.patient)
        return await super().find(document)

    async def write(self, visit: VisitState) -> Answer:
        if visit.patient not in self.patients:
            self.patients.append(visit.patient)
        return await super().write(visit)

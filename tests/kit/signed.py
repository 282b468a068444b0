"""Signed notes in a database, and a record service in memory that knows every patient."""

import hashlib
from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.records.charting import service as charting
from telehealth.records.delivery import service as delivery
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.memory import MemoryRecordService
from telehealth.records.delivery.ports import Document, Found
from telehealth.records.delivery.rules import Identifier
from telehealth.records.notes.models import NoteRow, NoteVersionRow
from telehealth.records.notes.rules import NoteKind
from tests.kit.visits import Arranged, arrange_visit

MRN = "urn:example:mrn"


async def signed_note(
    unit_of_work: UnitOfWork, identifier: Identifier | None = None, destinations: Sequence[str] = (RECORD_SERVICE,)
) -> Arranged:
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
    await unit_of_work.run(charting.sign, arranged.clinician, arranged.visit_id, version=1, destinations=destinations)
    return arranged


async def add_version(unit_of_work: UnitOfWork, arranged: Arranged, destinations: Sequence[str]) -> None:
    """The next signed version of the note, with words of its own."""
    await unit_of_work.run(_add, arranged.clinician, arranged, destinations)


async def _add(unit: Unit, arranged: Arranged, destinations: Sequence[str]) -> None:
    query = select(NoteVersionRow).join(NoteRow, NoteRow.id == NoteVersionRow.note_id)
    found = await unit.session.scalars(
        query.where(NoteRow.visit_id == arranged.visit_id).order_by(NoteVersionRow.version.desc()).limit(1)
    )
    last = found.one()
    text = f"Version {last.version + 1}\n"
    version = NoteVersionRow(
        id=unit.new_id(),
        note_id=last.note_id,
        version=last.version + 1,
        kind=last.kind,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        author_id=last.author_id,
        author_name=last.author_name,
        signed_at=unit.now,
    )
    version.content = unit.vault.seal(("note_version", "content", version.id), text)
    unit.session.add(version)
    await unit.session.flush()
    await delivery.queue(unit, version.id, destinations)


class Everybody(MemoryRecordService):
    """Knows every patient, each once."""

    async def find(self, document: Document) -> Found:
        if document.patient not in self.patients:
            self.patients.append(document.patient)
        return await super().find(document)

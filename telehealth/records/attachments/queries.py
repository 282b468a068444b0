"""Reading files of a visit: the clinician who gives it reads all, the patient by their link what was sent by them."""

import base64
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.records.attachments.models import AttachmentRow
from telehealth.records.attachments.rules import FileType, UploadOver, UploadState
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.lifecycle.service import open_visit

GONE = (UploadState.REFUSED, UploadState.REMOVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of a visit, or an upload that is to become one."""

    id: UUID
    visit_id: VisitId
    name: str
    state: UploadState
    media_type: FileType | None
    octets: int | None
    sha256: str | None
    by_patient: bool
    mine: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an upload has come, in bytes."""

    offset: int
    length: int

    @property
    def complete(self) -> bool:
        return self.offset == self.length


@dataclass(frozen=True, slots=True)
class Stored:
    """Where the content of a file lies, and what opens it."""

    attachment: Attachment
    object_id: UUID
    key: bytes


async def visit_with_files(unit: Unit, visit_id: UUID, *, action: str = "read") -> Visit:
    """The visit, for the clinician who gives it and for its patient. Raises NotFound."""
    visit = await open_visit(unit, visit_id, action=action)
    actor = unit.actor
    gives = actor.role is Role.CLINICIAN and actor.person_id == visit.clinician_id
    if not gives and not (actor.role is Role.PATIENT and actor.visit_id == visit.id):
        raise NotFound
    return visit


async def files_of(unit: Unit, visit_id: UUID) -> list[Attachment]:
    """What is kept, and what of one's own is on its way; the oldest first. Raises NotFound."""
    visit = await visit_with_files(unit, visit_id)
    row = AttachmentRow
    own = and_(row.state.in_((UploadState.UPLOADING, UploadState.RECEIVED)), row.attached_by == unit.actor.id)
    shown = or_(row.state == UploadState.KEPT, own)
    query = select(row).where(row.visit_id == visit.id, shown, _sight(unit)).order_by(row.created_at, row.id)
    return [attachment_of(unit, each) for each in await unit.session.scalars(query)]


async def files_mark(unit: Unit, visit_id: UUID) -> str:
    """Changes whenever the kept files of a visit do, for streams; tells nothing of them, so it is not audited."""
    row = AttachmentRow
    query = select(func.count(), func.max(row.kept_at)).where(
        row.visit_id == visit_id, row.state == UploadState.KEPT, _sight(unit)
    )
    count, latest = (await unit.session.execute(query)).one()
    return f"{count}@{0 if latest is None else latest.timestamp()}"


async def progress(unit: Unit, visit_id: UUID, attachment_id: UUID) -> Progress:
    """How far one's own upload has come. Raises NotFound, UploadOver."""
    row = await own_row(unit, visit_id, attachment_id)
    if row.state in GONE:
        raise UploadOver
    return Progress(row.received, row.length)


async def stored(unit: Unit, visit_id: UUID, attachment_id: UUID) -> Stored:
    """What leads to the content of a file; the reading is audited. Raises NotFound."""
    visit = await visit_with_files(unit, visit_id)
    query = which(visit.id, attachment_id).where(AttachmentRow.state == UploadState.KEPT, _sight(unit))
    row = await unit.session.scalar(query)
    if row is None or row.object_id is None:
        raise NotFound
    unit.audit("read", "attachment", row.id, patient_id=row.patient_id)
    return Stored(attachment_of(unit, row), row.object_id, key_of(unit, row))


async def own_row(
    unit: Unit, visit_id: UUID, attachment_id: UUID, *, action: str = "read", lock: bool = False
) -> AttachmentRow:
    """A file that the actor attached themselves. Raises NotFound."""
    visit = await visit_with_files(unit, visit_id, action=action)
    query = which(visit.id, attachment_id).where(AttachmentRow.attached_by == unit.actor.id)
    row = await unit.session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound
    return row


def which(visit_id: UUID, attachment_id: UUID) -> Select[AttachmentRow]:
    return select(AttachmentRow).where(AttachmentRow.id == attachment_id, AttachmentRow.visit_id == visit_id)


def attachment_of(unit: Unit, row: AttachmentRow) -> Attachment:
    """A row that the actor has already been allowed."""
    return Attachment(
        id=row.id,
        visit_id=VisitId(row.visit_id),
        name=unit.vault.open(("attachment", "name", row.id), row.name),
        state=UploadState(row.state),
        media_type=None if row.media_type is None else FileType(row.media_type),
        octets=row.octets,
        sha256=row.sha256,
        by_patient=row.by_patient,
        mine=row.attached_by == unit.actor.id,
        created_at=row.created_at,
    )


def key_of(unit: Unit, row: AttachmentRow) -> bytes:
    return base64.b64decode(unit.vault.open(("attachment", "data_key", row.id), row.data_key))


def _sight(unit: Unit) -> ColumnElement[bool]:
    """Patients see what came from their side; what the clinician attached belongs to the note."""
    return AttachmentRow.by_patient.is_(True) if unit.actor.role is Role.PATIENT else true()

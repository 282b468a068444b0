"""Commands on files of a visit: begun, received piece by piece, examined, kept, taken away."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, delete, func, or_, select, update

from telehealth.core.actors import Role
from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.records.attachments.events import FilesChanged
from telehealth.records.attachments.models import AttachmentObjectRow, AttachmentPartRow, AttachmentRow
from telehealth.records.attachments.queries import GONE, Progress, key_of, own_row, visit_with_files
from telehealth.records.attachments.rules import (
    LEASE,
    MOST_OF_A_VISIT,
    PUT_OFF,
    UPLOAD_KEPT,
    Announced,
    FileTooLarge,
    FileType,
    NotToBeAttached,
    NotToBeRemoved,
    OffsetDiffers,
    TooManyFiles,
    Unfit,
    UploadOver,
    UploadState,
    may_attach,
    may_remove,
    taken_from,
)

KEY_BYTES = 32
BATCH = 50


@dataclass(frozen=True, slots=True)
class Received:
    """A whole file that is to be examined, leased to whoever holds this. `object_id` fences, and is new each time.

    `tries` counts this examination and those before it that broke off.
    """

    id: UUID
    content: bytes
    taken: frozenset[FileType]
    key: bytes
    object_id: UUID
    tries: int


async def begin(unit: Unit, visit_id: UUID, announced: Announced) -> UUID:
    """A new upload. Raises NotFound, NotToBeAttached, TooManyFiles."""
    visit = await visit_with_files(unit, visit_id, action="update")
    if not may_attach(unit.actor.role, visit.status):
        raise NotToBeAttached
    counted = select(func.count()).where(AttachmentRow.visit_id == visit.id, AttachmentRow.state.not_in(GONE))
    if (await unit.session.scalar(counted) or 0) >= MOST_OF_A_VISIT or unit.actor.id is None:
        raise TooManyFiles
    row = AttachmentRow(
        id=unit.new_id(),
        visit_id=visit.id,
        patient_id=visit.patient_id,
        by_patient=unit.actor.role is Role.PATIENT,
        attached_by=unit.actor.id,
        length=announced.length,
        received=0,
        state=UploadState.UPLOADING,
        tries=0,
        created_at=unit.now,
    )
    row.name = unit.vault.seal(("attachment", "name", row.id), announced.name)
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    row.data_key = unit.vault.seal(("attachment", "data_key", row.id), key)
    unit.session.add(row)
    unit.audit("create", "attachment", row.id, patient_id=row.patient_id)
    return row.id


async def append(unit: Unit, visit_id: UUID, attachment_id: UUID, *, offset: int, content: bytes) -> Progress:
    """The next piece, durable when this is committed. Of two at one offset, one is told OffsetDiffers.

    Raises NotFound, UploadOver, NotToBeAttached once the visit takes no more, FileTooLarge for more than was announced.
    """
    visit = await visit_with_files(unit, visit_id, action="update")
    row = await own_row(unit, visit_id, attachment_id, action="update", lock=True)
    if row.state in GONE:
        raise UploadOver
    if not may_attach(unit.actor.role, visit.status):
        raise NotToBeAttached
    if row.received != offset:
        raise OffsetDiffers
    if offset + len(content) > row.length:
        raise FileTooLarge(largest=row.length)
    if content:
        part = AttachmentPartRow(id=unit.new_id(), attachment_id=row.id, start=offset)
        part.content = unit.vault.seal_octets(("attachment_part", "content", part.id), content)
        unit.session.add(part)
        row.received = offset + len(content)
        row.state = UploadState.RECEIVED if row.received == row.length else UploadState.UPLOADING
    return Progress(row.received, row.length)


async def claim(unit: Unit, attachment_id: UUID) -> Received | None:
    """Lease a whole file for its examination; None when there is nothing to do or somebody is at it."""
    row = await unit.session.scalar(select(AttachmentRow).where(AttachmentRow.id == attachment_id).with_for_update())
    if row is None or row.state != UploadState.RECEIVED or (row.lease_until and row.lease_until > unit.now):
        return None
    parts = select(AttachmentPartRow).where(AttachmentPartRow.attachment_id == row.id).order_by(AttachmentPartRow.start)
    content = b"".join(
        [
            unit.vault.open_octets(("attachment_part", "content", each.id), each.content)
            for each in await unit.session.scalars(parts)
        ]
    )
    row.object_id, row.lease_until, row.tries = unit.new_id(), unit.now + LEASE, row.tries + 1
    unit.session.add(AttachmentObjectRow(id=row.object_id, attachment_id=row.id, put_until=row.lease_until))
    taken, key = taken_from(by_patient=row.by_patient), key_of(unit, row)
    return Received(row.id, content, taken, key, row.object_id, row.tries)


async def keep(unit: Unit, received: Received, kind: FileType, content: bytes) -> bool:
    """It lies in the object storage under the name of the lease. False when that has passed to somebody else."""
    row = await _held(unit, received)
    if row is None:
        return False
    row.state, row.lease_until, row.kept_at = UploadState.KEPT, None, unit.now
    row.media_type, row.octets, row.sha256 = kind, len(content), hashlib.sha256(content).hexdigest()
    await _put(unit, received)
    await _drop_parts(unit, row.id)
    unit.audit("update", "attachment", row.id, patient_id=row.patient_id)
    unit.emit(FilesChanged(visit_id=VisitId(row.visit_id), attachment_id=row.id))
    return True


async def refuse(unit: Unit, received: Received, reason: Unfit) -> None:
    """It is not kept, and nothing is left of it but why."""
    row = await _held(unit, received)
    if row is not None:
        row.state, row.lease_until, row.object_id, row.unfit = UploadState.REFUSED, None, None, reason
        await _put(unit, received)
        await _drop_parts(unit, row.id)
        unit.audit("delete", "attachment", row.id, patient_id=row.patient_id, outcome=f"unfit-{reason}")


async def put_off(unit: Unit, received: Received, *, examined: bool) -> None:
    """It stays received, and the sweep tries again. `examined`: it is only the storage that is away."""
    row = await _held(unit, received)
    if row is not None:
        row.lease_until, row.tries = unit.now + PUT_OFF, 0 if examined else row.tries


async def postpone(unit: Unit, attachment_id: UUID) -> None:
    """It cannot even be leased now: the sweep comes back to it later."""
    row = AttachmentRow
    free = or_(row.lease_until.is_(None), row.lease_until <= unit.now)
    mine = (row.id == attachment_id, row.state == UploadState.RECEIVED, free)
    await unit.session.execute(update(row).where(*mine).values(lease_until=unit.now + PUT_OFF))


async def remove(unit: Unit, visit_id: UUID, attachment_id: UUID) -> None:
    """Take away a file that one attached oneself; doing it again changes nothing. Raises NotFound, NotToBeRemoved."""
    visit = await visit_with_files(unit, visit_id, action="update")
    row = await own_row(unit, visit_id, attachment_id, lock=True)
    if row.state in GONE:
        return
    if not may_remove(visit.status):
        raise NotToBeRemoved
    row.state, row.lease_until, row.removed_at = UploadState.REMOVED, None, unit.now
    await _drop_parts(unit, row.id)
    unit.audit("delete", "attachment", row.id, patient_id=row.patient_id)
    unit.emit(FilesChanged(visit_id=VisitId(row.visit_id), attachment_id=row.id))


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What a sweep has to do: files to examine, and objects that no file is kept in, with the file they were for."""

    received: list[UUID]
    objects: list[tuple[UUID, UUID]]


async def unsettled(unit: Unit) -> Unsettled:
    """A batch of each; uploads that nobody went on with for a day are forgotten here."""
    row = AttachmentRow
    old = and_(row.state == UploadState.UPLOADING, row.created_at < unit.now - UPLOAD_KEPT)
    await unit.session.execute(delete(row).where(old))
    lapsed = and_(row.state == UploadState.RECEIVED, or_(row.lease_until.is_(None), row.lease_until <= unit.now))
    received = await unit.session.scalars(select(row.id).where(lapsed).order_by(row.created_at).limit(BATCH))
    thing = AttachmentObjectRow
    over = and_(thing.put_until <= unit.now, or_(row.state.in_(GONE), row.object_id.is_distinct_from(thing.id)))
    left = select(row.id, thing.id).join(thing, thing.attachment_id == row.id).where(over).order_by(thing.put_until)
    objects = await unit.session.execute(left.limit(BATCH))
    return Unsettled(list(received), [(one, name) for one, name in objects])


async def forget_object(unit: Unit, attachment_id: UUID, object_id: UUID) -> None:
    """The object is deleted."""
    row, thing = AttachmentRow, AttachmentObjectRow
    await unit.session.execute(delete(thing).where(thing.id == object_id))
    await unit.session.execute(
        update(row).where(row.id == attachment_id, row.object_id == object_id).values(object_id=None)
    )


async def _held(unit: Unit, received: Received) -> AttachmentRow | None:
    row = AttachmentRow
    mine = (row.id == received.id, row.object_id == received.object_id, row.state == UploadState.RECEIVED)
    found: AttachmentRow | None = await unit.session.scalar(select(row).where(*mine).with_for_update())
    return found


async def _put(unit: Unit, received: Received) -> None:
    """Nobody puts anything under that name any more."""
    row = AttachmentObjectRow
    await unit.session.execute(update(row).where(row.id == received.object_id).values(put_until=unit.now))


async def _drop_parts(unit: Unit, attachment_id: UUID) -> None:
    await unit.session.execute(delete(AttachmentPartRow).where(AttachmentPartRow.attachment_id == attachment_id))

"""Recordings as rows: who asked, who agrees, whether it may go on now, what was written, and until when it is kept."""

import base64
import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.db.unit import Unit
from telehealth.video import takings
from telehealth.video.language import Finish, Taking
from telehealth.video.models import RecordingConsentRow, RecordingRow, RecordingTrackRow
from telehealth.video.ports import Permit, TakingLost, Track
from telehealth.video.room import Tap
from telehealth.visits.lifecycle import queries as visits

KEY_BYTES = 32


class RecordingGone(Refusal):
    kind: ClassVar[Kind] = Kind.GONE
    slug, title = "recording-gone", "The recording has been deleted, as its time was over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    participant: ParticipantId
    given_at: datetime | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A recording as it is kept. `key` opens its files; None: it has been deleted."""

    id: UUID
    visit_id: VisitId
    asked_by: ParticipantId
    asked_at: datetime
    started_at: datetime | None
    stopped_at: datetime | None
    stopped_by: ParticipantId | None
    why: str | None
    delete_after: datetime | None
    key: bytes | None
    consents: tuple[Consent, ...] = ()
    tracks: tuple[Track, ...] = ()


# While it goes on


async def ask(unit: Unit, visit_id: VisitId, recording: UUID, by: ParticipantId) -> bool:
    """Somebody wants the call recorded, and agrees: with a key of its own. False when it is over."""
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    sealed = unit.vault.seal(_key_place(recording), key)
    return await takings.ask(unit, visit_id, Taking(Tap.RECORDING, recording), by, more={"data_key": sealed})


async def permit(
    unit: Unit,
    visit_id: VisitId,
    recording: UUID,
    present: Collection[ParticipantId],
    *,
    devices: Collection[ParticipantId] = (),
) -> Permit | None:
    """What the recorder may do now; None when somebody else has just asked.

    Nobody is recorded unless all who are `present` have agreed, the visit is on, and its patient has not taken back
    what they agreed to. Without anybody present it waits. `devices` are recorded with them. Raises TakingLost when
    the recording is over.
    """
    taking = Taking(Tap.RECORDING, recording)
    if not await takings.renew(unit, visit_id, taking, present):
        return None
    sealed = await unit.session.scalar(select(RecordingRow.data_key).where(RecordingRow.id == recording))
    if sealed is None:
        raise TakingLost
    return Permit(
        recording=recording,
        key=unit.vault.open(_key_place(recording), sealed),
        participants=await takings.covered(unit, taking, present, devices),
    )


async def note(unit: Unit, recording: UUID, tracks: Sequence[Track]) -> None:
    """What the media node has written so far. What it told later stands."""
    row = RecordingTrackRow
    for track in tracks:
        told = asdict(track)
        values = {"recording_id": recording, "participant_id": told.pop("participant"), **told}
        figures = {name: values[name] for name in ("offset_ms", "duration_ms", "chunks", "octets", "head")}
        new = insert(row).values(values)
        later = (row.recording_id == recording) & (row.chunks < track.chunks)
        await unit.session.execute(new.on_conflict_do_update(index_elements=[row.file], set_=figures, where=later))


async def finish(unit: Unit, visit_id: VisitId, end: Finish, *, kept_for: timedelta) -> None:
    """It is over, from now on and once; what was written is deleted after that time."""
    await takings.finish(unit, visit_id, end, more={"delete_after": unit.now + kept_for})


# Afterwards


async def read(unit: Unit, recording: UUID) -> Kept:
    """A recording with its key, for whoever opens it; it leaves a trace. Raises NotFound, RecordingGone."""
    row = await unit.session.get(RecordingRow, recording)
    if row is None:
        raise NotFound
    visit = await visits.find(unit, row.visit_id)
    unit.audit("read", "recording", recording, patient_id=visit.patient_id)
    if row.data_key is None:
        raise RecordingGone
    key = base64.b64decode(unit.vault.open(_key_place(recording), row.data_key))
    consents = select(RecordingConsentRow).where(RecordingConsentRow.taking_id == recording)
    tracks = select(RecordingTrackRow).where(RecordingTrackRow.recording_id == recording)
    return _kept(
        row,
        key=key,
        consents=list(await unit.session.scalars(consents.order_by(RecordingConsentRow.given_at))),
        tracks=list(await unit.session.scalars(tracks.order_by(RecordingTrackRow.offset_ms, RecordingTrackRow.file))),
    )


async def all_kept(unit: Unit) -> list[Kept]:
    """Every recording that is kept, without keys; the newest first. It leaves a trace."""
    row = RecordingRow
    found = await unit.session.scalars(select(row).where(row.deleted_at.is_(None)).order_by(row.asked_at.desc()))
    unit.audit("read", "recording", None)
    return [_kept(each, key=None) for each in found]


async def expired(unit: Unit) -> list[UUID]:
    """Whose time is over."""
    row = RecordingRow
    due = (row.deleted_at.is_(None), row.delete_after <= unit.now)
    return list(await unit.session.scalars(select(row.id).where(*due).order_by(row.delete_after)))


async def delete(unit: Unit, recording: UUID) -> None:
    """What it was sealed with is gone, and so is what it holds, wherever a copy may be."""
    row = RecordingRow
    values = {"deleted_at": unit.now, "data_key": None}
    mine = (row.id == recording, row.deleted_at.is_(None))
    visit_id = await unit.session.scalar(update(row).where(*mine).values(values).returning(row.visit_id))
    if visit_id is not None:
        visit = await visits.find(unit, visit_id)
        unit.audit("delete", "recording", recording, patient_id=visit.patient_id)


def _key_place(recording: UUID) -> tuple[str, str, UUID]:
    return ("recording", "data_key", recording)


def _kept(
    row: RecordingRow,
    *,
    key: bytes | None,
    consents: Sequence[RecordingConsentRow] = (),
    tracks: Sequence[RecordingTrackRow] = (),
) -> Kept:
    return Kept(
        id=row.id,
        visit_id=VisitId(row.visit_id),
        asked_by=ParticipantId(row.asked_by),
        asked_at=row.asked_at,
        started_at=row.started_at,
        stopped_at=row.stopped_at,
        stopped_by=None if row.stopped_by is None else ParticipantId(row.stopped_by),
        why=row.why,
        delete_after=row.delete_after,
        key=key,
        consents=tuple(
            Consent(
                participant=ParticipantId(each.participant_id), given_at=each.given_at, withdrawn_at=each.withdrawn_at
            )
            for each in consents
        ),
        tracks=tuple(_track(each) for each in tracks),
    )


def _track(row: RecordingTrackRow) -> Track:
    return Track(
        file=row.file,
        participant=row.participant_id,
        kind=row.kind,
        number=row.number,
        codec=row.codec,
        offset_ms=row.offset_ms,
        duration_ms=row.duration_ms,
        chunks=row.chunks,
        octets=row.octets,
        head=row.head,
    )

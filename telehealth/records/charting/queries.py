"""Reading notes. A draft is its author's alone; what is signed is for whoever may see summaries of that patient."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, func, literal, select, text, true, tuple_
from sqlalchemy.dialects.postgresql import aggregate_order_by

from telehealth.access import queries as access
from telehealth.access.rules import DataKind, Everyone, Granted
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, NoteId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.records.charting.rules import NoteStatus, note_status
from telehealth.records.delivery import queries as deliveries
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.rules import DeliveryState
from telehealth.records.notes.models import NoteRow, NoteVersionRow
from telehealth.records.notes.queries import authored_visit
from telehealth.records.notes.rules import NoteKind, NoteState


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A visit's note as its author sees it. `version` counts saves, 0 before the first; If-Match compares it."""

    visit_id: VisitId
    content: str
    kind: NoteKind
    version: int
    state: NoteStatus
    saved_at: datetime | None = None
    signed_at: datetime | None = None
    sha256: str | None = None

    @property
    def in_record(self) -> bool:
        return self.state is NoteStatus.DELIVERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One signed version, to the byte. `version` counts signatures from 1; `in_record`: every destination has it."""

    id: UUID
    note_id: NoteId
    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    version: int
    kind: NoteKind
    text: str
    sha256: str
    author_name: str
    signed_at: datetime
    in_record: bool
    position: tuple[int, UUID]


async def open_note(unit: Unit, visit_id: UUID) -> Note:
    """The note of a visit, an empty one before the first save. Raises NotFound for all but the visit's clinician."""
    visit = await authored_visit(unit, visit_id)
    return await note_of(unit, visit.id)


async def note_of(unit: Unit, visit_id: UUID) -> Note:
    """The note of a visit that the actor has already been allowed, with how far its latest version has come."""
    row = await unit.session.scalar(select(NoteRow).where(NoteRow.visit_id == visit_id))
    if row is None:
        return Note(visit_id=VisitId(visit_id), content="", kind=NoteKind.PROGRESS, version=0, state=NoteStatus.DRAFT)
    latest = select(NoteVersionRow).where(NoteVersionRow.note_id == row.id).order_by(NoteVersionRow.version.desc())
    version = await unit.session.scalar(latest.limit(1))
    ways = () if version is None else await deliveries.ways(unit, version.id)
    return Note(
        visit_id=VisitId(row.visit_id),
        content=unit.vault.open(("note", "content", row.id), row.content),
        kind=NoteKind(row.kind),
        version=row.revision,
        state=note_status(NoteState(row.state), ways),
        saved_at=row.saved_at,
        signed_at=None if version is None else version.signed_at,
        sha256=None if version is None else version.sha256,
    )


async def summary(unit: Unit, visit_id: UUID) -> Summary:
    """The latest signed version of a visit's note, audited. Raises NotFound, also for an unsigned note, and NoGrant."""
    sight = await _sight(unit)
    query = _summaries(sight).where(NoteRow.visit_id == visit_id)
    found = (await unit.session.execute(query.order_by(NoteVersionRow.version.desc()).limit(1))).one_or_none()
    if found is None:
        raise NotFound
    return _told(sight.unit_for(unit, found[1]), *found)


Position = tuple[int, UUID]
START: Position = (0, UUID(int=0))
# Below this transaction nothing is under way any more, so no row can still appear there.
DECIDED = text("(pg_snapshot_xmin(pg_current_snapshot())::text::bigint)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryFilter:
    """What a search may narrow by. `signed_from` is inclusive, `signed_before` is not."""

    ids: Collection[UUID] | None = None
    patient_id: UUID | None = None
    visit_id: UUID | None = None
    signed_from: datetime | None = None
    signed_before: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        tests: list[tuple[Any, Callable[[Any], ColumnElement[bool]]]] = [
            (self.ids, NoteVersionRow.id.in_),
            (self.patient_id, NoteRow.patient_id.__eq__),
            (self.visit_id, NoteRow.visit_id.__eq__),
            (self.signed_from, NoteVersionRow.signed_at.__ge__),
            (self.signed_before, NoteVersionRow.signed_at.__lt__),
        ]
        return [test(value) for value, test in tests if value is not None]


EVERYTHING = SummaryFilter()


async def signed_summaries(
    unit: Unit,
    after: Position = START,
    *,
    limit: int,
    where: SummaryFilter = EVERYTHING,
    data_kind: DataKind = DataKind.SUMMARIES,
) -> list[Summary]:
    """Signed versions the actor may see, in the order of their positions; each audited. Raises NoGrant.

    Who goes on from the last position misses nothing, however many sign at the same time: a version appears once every
    transaction that began before its own has ended. `data_kind` is what a grant has to name.
    """
    sight = await _sight(unit, data_kind)
    position = tuple_(NoteVersionRow.written_in, NoteVersionRow.id)
    query = (
        _summaries(sight)
        .where(position > after, NoteVersionRow.written_in < DECIDED, *where.conditions())
        .order_by(NoteVersionRow.written_in, NoteVersionRow.id)
        .limit(limit)
    )
    return [_told(sight.unit_for(unit, row[1]), *row) for row in await unit.session.execute(query)]


async def note_mark(unit: Unit, visit_id: UUID) -> str:
    """Changes whenever the note does, for streams: says that something changed, never what, so it is not audited."""
    way = func.concat(RecordDeliveryRow.state, RecordDeliveryRow.attempt)
    state = (
        select(NoteRow.revision, NoteRow.state, func.string_agg(way, aggregate_order_by(literal("-"), way)))
        .outerjoin(NoteVersionRow, NoteVersionRow.note_id == NoteRow.id)
        .outerjoin(RecordDeliveryRow, RecordDeliveryRow.note_version_id == NoteVersionRow.id)
        .where(NoteRow.visit_id == visit_id, NoteRow.clinician_id == unit.actor.person_id)
        .group_by(NoteRow.id)
    )
    found = (await unit.session.execute(state)).one_or_none()
    return "0" if found is None else "-".join(map(str, found))


@dataclass(frozen=True, slots=True)
class Sight:
    """Which notes the actor may see, as a condition; for an integration, by which grants."""

    condition: ColumnElement[bool]
    granted: Granted | None = None

    def unit_for(self, unit: Unit, note: NoteRow) -> Unit:
        """The audit row of a disclosure carries the purpose of the grant that allows it."""
        if self.granted is None:
            return unit
        return access.acting_for(unit, self.granted.purpose(PatientId(note.patient_id)))


async def _sight(unit: Unit, data_kind: DataKind = DataKind.SUMMARIES) -> Sight:
    actor = unit.actor
    match actor.role:
        case Role.SYSTEM:
            return Sight(true())
        case Role.CLINICIAN:
            return Sight(NoteRow.clinician_id == actor.person_id)
        case Role.INTEGRATION:
            granted = await access.data_granted(unit, data_kind)
            covered = granted.patients
            return Sight(true() if isinstance(covered, Everyone) else NoteRow.patient_id.in_(covered), granted)
        case _:
            return Sight(false())


def _summaries(sight: Sight) -> Select[NoteVersionRow, NoteRow, bool]:
    under_way = select(RecordDeliveryRow.id).where(
        RecordDeliveryRow.note_version_id == NoteVersionRow.id, RecordDeliveryRow.state != DeliveryState.DELIVERED
    )
    return (
        select(NoteVersionRow, NoteRow, ~under_way.exists())
        .join(NoteRow, NoteRow.id == NoteVersionRow.note_id)
        .where(sight.condition)
    )


def _told(unit: Unit, version: NoteVersionRow, note: NoteRow, in_record: bool) -> Summary:
    unit.audit("read", "note_version", version.id, patient_id=note.patient_id)
    return Summary(
        id=version.id,
        note_id=NoteId(note.id),
        visit_id=VisitId(note.visit_id),
        patient_id=PatientId(note.patient_id),
        clinician_id=ClinicianId(version.author_id),
        version=version.version,
        kind=NoteKind(version.kind),
        text=unit.vault.open(("note_version", "content", version.id), version.content),
        sha256=version.sha256,
        author_name=version.author_name,
        signed_at=version.signed_at,
        in_record=in_record,
        position=(version.written_in, version.id),
    )

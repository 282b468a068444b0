"""Reading notes. A draft is its author's alone; what is signed is for whoever may see summaries of that patient."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, false, func, literal, select, text, true, tuple_
from sqlalchemy.dialects.postgresql import aggregate_order_by

from telehealth.access import queries as access
from telehealth.access.rules import DataKind, Everyone, Granted
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, NoteId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.people.rules import Clinic, own_identifier
from telehealth.records.charting.rules import NoteRetracted, NoteStatus, note_status
from telehealth.records.delivery import queries as deliveries
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.rules import DeliveryState
from telehealth.records.notes.amendments import DocStatus, DocumentStatus, Relation, doc_status
from telehealth.records.notes.models import NoteRow, NoteStandingRow, NoteVersionRow
from telehealth.records.notes.queries import authored_visit, cosignature, cosigned_of
from telehealth.records.notes.rules import CosignatureState, Cosigned, NoteKind, NoteState
from telehealth.visits.lifecycle.service import open_visit


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
    amendment: Relation | None = None
    cosignature: "AskedCosignature | None" = None

    @property
    def in_record(self) -> bool:
        return self.state is NoteStatus.DELIVERED


@dataclass(frozen=True, slots=True)
class AskedCosignature:
    """A trainee's latest signature as its author sees it: of whom it is awaited, or who returned it and why."""

    state: CosignatureState
    signed_at: datetime
    supervisors: tuple[str, ...] = ()
    decided_at: datetime | None = None
    decided_by: str | None = None
    reason: str = ""


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
    cosigned: Cosigned | None = None
    in_record: bool
    position: tuple[int, UUID]
    relation: Relation | None = None
    relates_to: int | None = None
    status: DocumentStatus | None = None  # None of a version that retracts: it is no document
    changed_at: datetime

    @property
    def doc_status(self) -> DocStatus | None:
        return None if self.status is None else doc_status(self.status, self.relation)


@dataclass(frozen=True, slots=True)
class CurrentSummary:
    """What is to be read of a visit's note now: the text, and what was appended to it, in the order of signing."""

    text: Summary
    addenda: tuple[Summary, ...] = ()

    @property
    def all(self) -> tuple[Summary, ...]:
        return (self.text, *self.addenda)


async def open_note(unit: Unit, visit_id: UUID) -> Note:
    """The note of a visit, an empty one before the first save. Raises NotFound for all but the visit's clinician."""
    visit = await authored_visit(unit, visit_id)
    return await note_of(unit, visit.id)


async def note_of(unit: Unit, visit_id: UUID) -> Note:
    """The note of a visit that the actor has already been allowed, as far as its version that is furthest behind."""
    row = await unit.session.scalar(select(NoteRow).where(NoteRow.visit_id == visit_id))
    if row is None:
        return Note(visit_id=VisitId(visit_id), content="", kind=NoteKind.PROGRESS, version=0, state=NoteStatus.DRAFT)
    latest = select(NoteVersionRow).where(NoteVersionRow.note_id == row.id).order_by(NoteVersionRow.version.desc())
    version = await unit.session.scalar(latest.limit(1))
    return Note(
        visit_id=VisitId(row.visit_id),
        content=unit.vault.open(("note", "content", row.id), row.content),
        kind=NoteKind(row.kind),
        version=row.revision,
        state=note_status(NoteState(row.state), await deliveries.ways_of_note(unit, row.id)),
        saved_at=row.saved_at,
        signed_at=None if version is None else version.signed_at,
        sha256=None if version is None else version.sha256,
        amendment=None if row.relation is None else Relation(row.relation),
        cosignature=None if row.state == NoteState.SIGNED else await _asked(unit, row),
    )


async def _asked(unit: Unit, row: NoteRow) -> AskedCosignature | None:
    asked = await cosignature(unit, row.id)
    if asked is None or asked.state is CosignatureState.GIVEN:
        return None
    supervisors = await people.supervisors(unit, asked.author_id)
    by = None if asked.decided_by is None else (await people.clinician(unit, asked.decided_by)).name
    names = tuple(each.name for each in supervisors) if asked.state is CosignatureState.AWAITED else ()
    return AskedCosignature(asked.state, asked.signed_at, names, asked.decided_at, by, asked.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One signed version as its author sees it: how it stands, and how far it is on its way to the record."""

    version: int
    relation: Relation | None
    relates_to: int | None
    status: DocumentStatus | None
    doc_status: DocStatus | None
    text: str
    sha256: str
    author_name: str
    signed_at: datetime
    cosigned: Cosigned | None
    changed_at: datetime
    state: NoteStatus


async def versions(unit: Unit, visit_id: UUID) -> list[Version]:
    """What was signed of a visit's note, in that order, for who gives the visit; each audited. Raises NotFound."""
    visit = await authored_visit(unit, visit_id)
    query = _summaries(Sight(true())).where(NoteRow.visit_id == visit.id).order_by(NoteVersionRow.version)
    return [await _version(unit, _told(unit, row)) for row in await unit.session.execute(query)]


async def in_force(unit: Unit, note_id: UUID) -> tuple[Summary, ...]:
    """What stands of a note that the actor has already been allowed, in the order of signing; each audited."""
    standing = _summaries(Sight(NoteRow.id == note_id)).where(NoteStandingRow.status == DocumentStatus.CURRENT)
    found = await unit.session.execute(standing.order_by(NoteVersionRow.version))
    return tuple(_told(unit, each) for each in found)


async def _version(unit: Unit, signed: Summary) -> Version:
    names = [each.name for each in fields(Version) if each.name != "state"]
    shown = {name: getattr(signed, name) for name in names}
    return Version(**shown, state=note_status(NoteState.SIGNED, await deliveries.ways(unit, signed.id)))


async def summary(unit: Unit, visit_id: UUID, data_kind: DataKind = DataKind.SUMMARIES) -> CurrentSummary:
    """The note of a visit as it stands; each version audited. Raises NotFound, also for an unsigned note, NoteRetracted
    and NoGrant.
    """
    sight = await _sight(unit, data_kind)
    of_visit = _summaries(sight).where(NoteRow.visit_id == visit_id).order_by(NoteVersionRow.version)
    now = of_visit.where(NoteStandingRow.status == DocumentStatus.CURRENT)
    found = [_told(sight.unit_for(unit, row[1]), row) for row in await unit.session.execute(now)]
    text = next((each for each in found if each.relation is not Relation.APPENDS), None)
    if text is None:
        signed = (await unit.session.execute(of_visit.limit(1))).one_or_none()
        raise NotFound if signed is None else NoteRetracted
    return CurrentSummary(text, tuple(each for each in found if each is not text))


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose note it is, as far as the reader may know; `identifier` is "system|value"."""

    identifier: str
    name: str = ""
    family: str = ""
    given: str = ""
    birth_date: date | None = None


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A note as it stands, with what a document names beside its words; the times are the visit's, if known."""

    note: CurrentSummary
    subject: Subject
    clinic: Clinic
    started_at: datetime | None = None
    ended_at: datetime | None = None


async def composed(unit: Unit, version_id: UUID) -> SignedDocument:
    """The note as it stands since that version was signed, by a grant of documents. Raises NotFound, also once other
    words stand, NoteRetracted, NoGrant.
    """
    sight = await _sight(unit, DataKind.DOCUMENTS)
    of_version = select(NoteRow.visit_id).join(NoteVersionRow, NoteVersionRow.note_id == NoteRow.id)
    visit_id = await unit.session.scalar(of_version.where(NoteVersionRow.id == version_id, sight.condition))
    if visit_id is None:
        raise NotFound
    found = await signed_document(unit, visit_id, DataKind.DOCUMENTS)
    if found.note.all[-1].id != version_id:
        raise NotFound
    return found


async def signed_document(unit: Unit, visit_id: UUID, data_kind: DataKind = DataKind.SUMMARIES) -> SignedDocument:
    """The note of a visit as a document of its own. Raises as `summary` does.

    A grant of summaries opens the words and whose they are by our number, as in JSON; names and the times of visits are
    other data. Staff see whom they treated.
    """
    note, clinic = await summary(unit, visit_id, data_kind), await people.clinic(unit)
    patient_id = note.text.patient_id
    if unit.actor.role is Role.INTEGRATION:
        return SignedDocument(note, Subject(own_identifier(patient_id)), clinic)
    visit = await open_visit(unit, visit_id)
    patient = await people.patient(unit, patient_id)
    unit.audit("read", "patient", patient_id, patient_id=patient_id)
    return SignedDocument(
        note,
        Subject(patient.identifier, patient.name, patient.family, patient.given, patient.birth_date),
        clinic,
        visit.started_at or visit.starts_at,
        visit.ended_at,
    )


Position = tuple[int, UUID]
START: Position = (0, UUID(int=0))
# Below this transaction nothing is under way any more, so no row can still appear there.
DECIDED = text("(pg_snapshot_xmin(pg_current_snapshot())::text::bigint)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryFilter:
    """What a search may narrow by. `signed_from` is inclusive, `signed_before` is not; `changed_from` likewise.

    `statuses` leaves out what is no document: versions that retract.
    """

    ids: Collection[UUID] | None = None
    patient_id: UUID | None = None
    visit_id: UUID | None = None
    signed_from: datetime | None = None
    signed_before: datetime | None = None
    changed_from: datetime | None = None
    changed_before: datetime | None = None
    statuses: Collection[DocumentStatus] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        tests: list[tuple[Any, Callable[[Any], ColumnElement[bool]]]] = [
            (self.ids, NoteVersionRow.id.in_),
            (self.patient_id, NoteRow.patient_id.__eq__),
            (self.visit_id, NoteRow.visit_id.__eq__),
            (self.signed_from, NoteVersionRow.signed_at.__ge__),
            (self.signed_before, NoteVersionRow.signed_at.__lt__),
            (self.changed_from, NoteStandingRow.changed_at.__ge__),
            (self.changed_before, NoteStandingRow.changed_at.__lt__),
            (self.statuses, NoteStandingRow.status.in_),
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
    return [_told(sight.unit_for(unit, row[1]), row) for row in await unit.session.execute(query)]


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


def _summaries(sight: Sight) -> Select[NoteVersionRow, NoteRow, NoteStandingRow | None, bool]:
    under_way = select(RecordDeliveryRow.id).where(
        RecordDeliveryRow.note_version_id == NoteVersionRow.id, RecordDeliveryRow.state != DeliveryState.DELIVERED
    )
    return (
        select(NoteVersionRow, NoteRow, NoteStandingRow, ~under_way.exists())
        .join(NoteRow, NoteRow.id == NoteVersionRow.note_id)
        .outerjoin(NoteStandingRow, NoteStandingRow.note_version_id == NoteVersionRow.id)
        .where(sight.condition)
    )


def _told(unit: Unit, row: Row[NoteVersionRow, NoteRow, NoteStandingRow | None, bool]) -> Summary:
    version, note, standing, in_record = row
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
        cosigned=cosigned_of(version),
        in_record=in_record,
        position=(version.written_in, version.id),
        relation=None if version.relation is None else Relation(version.relation),
        relates_to=version.relates_to,
        status=None if standing is None else DocumentStatus(standing.status),
        changed_at=version.signed_at if standing is None else standing.changed_at,
    )

"""Reading deliveries: whether a note has arrived, and what waits for a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import aliased

from telehealth.db.unit import Unit
from telehealth.records.delivery.findings import Finding
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.delivery.profiles import Profile, ResourceType
from telehealth.records.delivery.rules import DeliveryState, SignedVersion, Subject, VisitPart
from telehealth.records.notes.amendments import DocumentStatus, Relation
from telehealth.records.notes.models import NoteRow, NoteStandingRow, NoteVersionRow

SETTLED_FOR = timedelta(minutes=10)  # longer than any index lags


def _earlier_under_way() -> ColumnElement[bool]:
    """Whether an earlier version of the same note has not reached the same destination."""
    mine, theirs, earlier = aliased(NoteVersionRow), aliased(NoteVersionRow), aliased(RecordDeliveryRow)
    return (
        select(earlier.id)
        .join(theirs, theirs.id == earlier.note_version_id)
        .join(mine, mine.note_id == theirs.note_id)
        .where(
            mine.id == RecordDeliveryRow.note_version_id,
            theirs.version < mine.version,
            earlier.destination == RecordDeliveryRow.destination,
            earlier.state != DeliveryState.DELIVERED,
        )
        .correlate(RecordDeliveryRow)
        .exists()
    )


EARLIER_UNDER_WAY = _earlier_under_way()


async def note_is_in_record(unit: Unit, visit_id: UUID) -> bool:
    """Whether the visit has a note in force and all that was signed of it has arrived everywhere. Tells nothing of what
    is in it.
    """
    text = aliased(NoteVersionRow)
    in_force = (
        select(text.id)
        .join(NoteStandingRow, NoteStandingRow.note_version_id == text.id)
        .where(
            text.note_id == NoteRow.id,
            text.relation.is_distinct_from(Relation.APPENDS),
            NoteStandingRow.status == DocumentStatus.CURRENT,
        )
        .exists()
    )
    arrived = (
        select(func.bool_and(RecordDeliveryRow.state == DeliveryState.DELIVERED))
        .join(NoteVersionRow, NoteVersionRow.id == RecordDeliveryRow.note_version_id)
        .join(NoteRow, NoteRow.id == NoteVersionRow.note_id)
        .where(NoteRow.visit_id == visit_id, in_force)
    )
    return bool(await unit.session.scalar(arrived))


GIVEN_UP = (DeliveryState.HELD, DeliveryState.DEAD)
WAITING = (DeliveryState.PENDING, DeliveryState.VERIFYING)
UNDER_WAY = (*WAITING, DeliveryState.SENDING)
LISTED = or_(RecordDeliveryRow.state != DeliveryState.DELIVERED, RecordDeliveryRow.finding.is_not(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One resource on its way to one destination, as an operator sees it: nothing of what is in it, nor of whom.

    `version` is that of a signed note, or the revision of the visit.
    """

    id: UUID
    destination: str
    resource_type: ResourceType
    visit_id: UUID
    version: int
    state: DeliveryState
    since: datetime
    attempt: int
    next_attempt_at: datetime | None
    last_status: int | None
    codes: tuple[str, ...]
    reason: str | None
    finding: Finding | None
    seen_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One destination in numbers. `oldest_since`: of what is on its way."""

    destination: str
    waiting: int
    held: int
    dead: int
    found: int
    oldest_since: datetime | None


async def deliveries(
    unit: Unit, *, destination: str | None = None, after: UUID | None = None, limit: int
) -> list[Delivery]:
    """What has not arrived, and what was found wrong since: the oldest first, from a delivery on."""
    row = RecordDeliveryRow
    query = (
        select(row, func.coalesce(NoteVersionRow.version, row.revision), func.coalesce(NoteRow.visit_id, row.visit_id))
        .outerjoin(NoteVersionRow, NoteVersionRow.id == row.note_version_id)
        .outerjoin(NoteRow, NoteRow.id == NoteVersionRow.note_id)
        .where(LISTED)
        .order_by(row.since, row.id)
        .limit(limit)
    )
    if destination is not None:
        query = query.where(row.destination == destination)
    if after is not None:
        last = aliased(row)
        since = select(last.since).where(last.id == after).scalar_subquery()
        query = query.where(or_(row.since > since, and_(row.since == since, row.id > after)))
    return [_told(*each) for each in await unit.session.execute(query)]


async def balances(unit: Unit) -> list[Balance]:
    """Every destination that was ever sent to."""
    row = RecordDeliveryRow
    under_way = row.state.in_(UNDER_WAY)
    query = (
        select(
            row.destination,
            func.count().filter(under_way),
            func.count().filter(row.state == DeliveryState.HELD),
            func.count().filter(row.state == DeliveryState.DEAD),
            func.count().filter(row.finding.is_not(None)),
            func.min(row.since).filter(under_way),
        )
        .group_by(row.destination)
        .order_by(row.destination)
    )
    return [
        Balance(destination=name, waiting=waiting, held=held, dead=dead, found=found, oldest_since=oldest)
        for name, waiting, held, dead, found, oldest in await unit.session.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class Tally:
    """One destination counted: what is in each state, what was found different, since when the oldest is under way."""

    destination: str
    states: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)
    oldest_since: datetime | None = None

    @property
    def by_state(self) -> Mapping[str, int]:
        """Waiting, held, dead, delivered: what waits for its turn, for an answer or for doubt to end is one."""
        waiting = sum(self.states.get(each, 0) for each in UNDER_WAY)
        others = (DeliveryState.HELD, DeliveryState.DEAD, DeliveryState.DELIVERED)
        return {"waiting": waiting, **{each.value: self.states.get(each, 0) for each in others}}


async def tallies(unit: Unit) -> list[Tally]:
    """Every destination that was ever sent to, all of it counted."""
    row, number = RecordDeliveryRow, func.count()
    states: dict[str, dict[str, int]] = {}
    found: dict[str, dict[str, int]] = {}
    oldest: dict[str, datetime] = {}
    query = select(row.destination, row.state, row.finding, number, func.min(row.since))
    for name, state, finding, counted, since in await unit.session.execute(
        query.group_by(row.destination, row.state, row.finding)
    ):
        of_state, of_finding = states.setdefault(name, {}), found.setdefault(name, {})
        of_state[state] = of_state.get(state, 0) + counted
        if finding is not None:
            of_finding[finding] = of_finding.get(finding, 0) + counted
        if state in UNDER_WAY:
            oldest[name] = min(since, oldest.get(name, since))
    return [Tally(name, states[name], found[name], oldest.get(name)) for name in states]


def _told(row: RecordDeliveryRow, version: int, visit_id: UUID) -> Delivery:
    return Delivery(
        id=row.id,
        destination=row.destination,
        resource_type=ResourceType(row.resource_type),
        visit_id=visit_id,
        version=version,
        state=DeliveryState(row.state),
        since=row.since,
        attempt=row.attempt,
        next_attempt_at=row.next_attempt_at,
        last_status=row.last_status,
        codes=tuple((row.codes or "").split()),
        reason=row.reason,
        finding=None if row.finding is None else Finding(row.finding),
        seen_at=row.seen_at,
    )


async def to_be_seen(
    unit: Unit, destination: str, profile: Profile, *, since: datetime, unseen_since: datetime, limit: int
) -> Sequence[tuple[UUID, Subject]]:
    """Deliveries with a resource in the record that it takes, and of what; those never asked for come first."""
    row = RecordDeliveryRow
    query = (
        select(row)
        .outerjoin(NoteVersionRow, NoteVersionRow.id == row.note_version_id)
        .where(
            row.destination == destination,
            row.state == DeliveryState.DELIVERED,
            or_(row.visit_id.is_(None), row.resource_type.in_(profile.of_visits)),
            row.settled_at >= since,
            row.settled_at < unit.now - SETTLED_FOR,
            or_(row.seen_at.is_(None), row.seen_at < unseen_since),
            NoteVersionRow.relation.is_distinct_from(Relation.RETRACTS),
        )
        .order_by(row.seen_at.nulls_first(), row.id)
        .limit(limit)
    )
    return [(each.id, subject_of(each)) for each in await unit.session.scalars(query)]


def subject_of(row: RecordDeliveryRow) -> Subject:
    if row.note_version_id is not None:
        return SignedVersion(row.note_version_id)
    if row.visit_id is None or row.revision is None:
        raise AssertionError("unreachable: the table says so")
    return VisitPart(row.visit_id, ResourceType(row.resource_type), row.revision)


async def remote_id(unit: Unit, destination: str, visit_id: UUID, resource_type: ResourceType) -> str | None:
    """The id of the visit's resource at a destination, once it has arrived there."""
    row = RecordDeliveryRow
    mine = (row.destination == destination, row.visit_id == visit_id, row.resource_type == resource_type)
    return await unit.session.scalar(select(row.remote_id).where(*mine))


async def arrived_versions(unit: Unit, destination: str, note_id: UUID) -> frozenset[int]:
    """The versions of a note that have arrived at a destination."""
    row = RecordDeliveryRow
    query = (
        select(NoteVersionRow.version)
        .join(row, row.note_version_id == NoteVersionRow.id)
        .where(NoteVersionRow.note_id == note_id, row.destination == destination, row.settled_at.is_not(None))
        .where(row.state == DeliveryState.DELIVERED)
    )
    return frozenset(await unit.session.scalars(query))


async def count_given_up(unit: Unit) -> int:
    """Deliveries that wait for a person: a number for whoever runs the house, of no patient, so it is not audited."""
    query = select(func.count()).where(RecordDeliveryRow.state.in_(GIVEN_UP))
    return await unit.session.scalar(query) or 0


async def ways(unit: Unit, note_version_id: UUID) -> list[tuple[DeliveryState, int]]:
    """How far a version is with each destination: its state and the tries begun."""
    query = select(RecordDeliveryRow.state, RecordDeliveryRow.attempt).where(
        RecordDeliveryRow.note_version_id == note_version_id
    )
    return [(DeliveryState(state), attempt) for state, attempt in await unit.session.execute(query)]


async def ways_of_note(unit: Unit, note_id: UUID) -> list[tuple[DeliveryState, int]]:
    """The same of all versions of a note: none goes before those that come before it."""
    query = (
        select(RecordDeliveryRow.state, RecordDeliveryRow.attempt)
        .join(NoteVersionRow, NoteVersionRow.id == RecordDeliveryRow.note_version_id)
        .where(NoteVersionRow.note_id == note_id)
    )
    return [(DeliveryState(state), attempt) for state, attempt in await unit.session.execute(query)]


async def remote_ids(unit: Unit, destination: str, note_id: UUID) -> Mapping[int, str]:
    """By version, the ids of a note's documents that have arrived at a destination."""
    query = (
        select(NoteVersionRow.version, RecordDeliveryRow.remote_id)
        .join(RecordDeliveryRow, RecordDeliveryRow.note_version_id == NoteVersionRow.id)
        .where(
            NoteVersionRow.note_id == note_id,
            RecordDeliveryRow.destination == destination,
            RecordDeliveryRow.remote_id.is_not(None),
        )
    )
    return {version: remote_id for version, remote_id in await unit.session.execute(query) if remote_id}

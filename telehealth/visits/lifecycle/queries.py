"""SELECTs over visits, limited to what the actor may see. Absent and not-yours are the same NotFound."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, column, exists, false, func, literal, or_, select, true, tuple_
from sqlalchemy.orm import aliased

from telehealth.access import queries as access
from telehealth.access.rules import Everyone, Granted
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, SeriesId, VisitId, VisitTypeId
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.visits.lifecycle.histories import Step
from telehealth.visits.lifecycle.joining import JoinDecision, JoinReason, join_reason, what_to_do
from telehealth.visits.lifecycle.models import DeviceCheckRow, ParticipantRow, SeriesRow, VisitEventRow, VisitRow
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.repeats import Policy, Series
from telehealth.visits.lifecycle.rules import Checked, Command, DeviceCheck, Visit, VisitStatus

APPOINTMENTS, LINK_PATH = "appointments", "/join/"
MOST_IN_AGENDA, MOST_AHEAD = 10_000, 1_000
S = VisitStatus
CAME_ABOUT = (S.IN_PROGRESS, S.INTERRUPTED, S.ENDED, S.COMPLETED)
BOOKED = (S.BOOKED, S.ARRIVED, S.READY, S.ADMITTING, *CAME_ABOUT)


async def find(unit: Unit, visit_id: UUID, *, lock: bool = False) -> Visit:
    """The visit, when it is the actor's to see. `lock` keeps others from changing it in this transaction, and nobody
    from writing what refers to it: who has locked a participant does so, and would wait for who wants that one next.

    Leaves no trace: service.open_visit is what the rest of the house uses. Raises NotFound.
    """
    query = select(VisitRow).where(VisitRow.id == visit_id, await visible(unit))
    query = query.with_for_update(key_share=True) if lock else query
    found = await unit.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return visit_of(found)


def own_visit_id(unit: Unit) -> UUID:
    """The visit whoever came by a personal link is bound to. Raises NotFound for everyone else."""
    if unit.actor.visit_id is None:
        raise NotFound
    return unit.actor.visit_id


async def visible(unit: Unit) -> ColumnElement[bool]:
    """Which visits the actor may see, as a condition."""
    actor = unit.actor
    match actor.role:
        case Role.SYSTEM | Role.FRONT_DESK:
            return true()
        case Role.CLINICIAN:
            own = VisitRow.clinician_id == actor.person_id
            return own if actor.visit_id is None else or_(own, VisitRow.id == actor.visit_id)
        case Role.PATIENT | Role.GUEST:
            return _invited(actor.id, actor.visit_id)
        case Role.INTEGRATION:
            granted = await access.patients_granted(unit, APPOINTMENTS)
            return true() if isinstance(granted, Everyone) else VisitRow.patient_id.in_(granted)
        case _:
            return false()


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A visit that was the actor's: whose it is now, and since when."""

    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    at: datetime


async def handed_over(unit: Unit, since: datetime) -> list[HandedOver]:
    """The visits that another clinician gives now in the place of the actor, from that instant on; the latest first."""
    own = ParticipantRow
    was = (own.role == ParticipantKind.CLINICIAN, own.person_id == unit.actor.person_id, own.revoked_at >= since)
    query = select(VisitRow.id, VisitRow.patient_id, VisitRow.clinician_id, own.revoked_at).join(
        VisitRow, VisitRow.id == own.visit_id
    )
    other = VisitRow.clinician_id != unit.actor.person_id
    found = await unit.session.execute(query.where(*was, other).order_by(own.revoked_at.desc()))
    return [HandedOver(VisitId(a), PatientId(b), ClinicianId(c), at) for a, b, c, at in found if at is not None]


def _invited(participant_id: Any, visit_id: Any) -> ColumnElement[bool]:
    """That visit, when that participant belongs to it and has not been sent away. Ids or columns with ids."""
    own = aliased(ParticipantRow)
    belongs = exists().where(own.id == participant_id, own.visit_id == VisitRow.id, own.revoked_at.is_(None))
    return and_(VisitRow.id == visit_id, belongs)


async def checks_of(unit: Unit, visit_id: VisitId) -> list[Checked]:
    """The newest first."""
    row = DeviceCheckRow
    theirs = select(row).where(row.visit_id == visit_id).order_by(row.at.desc(), row.id.desc())
    return [Checked(each.at, DeviceCheck(each.verdict), each.report) for each in await unit.session.scalars(theirs)]


def visit_of(row: VisitRow) -> Visit:
    return Visit(
        id=VisitId(row.id),
        patient_id=PatientId(row.patient_id),
        clinician_id=ClinicianId(row.clinician_id),
        visit_type_id=VisitTypeId(row.visit_type_id),
        visit_type=row.visit_type,
        status=VisitStatus(row.status),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        time_zone=row.time_zone,
        revision=row.revision,
        changed_at=row.changed_at,
        check=None if row.check is None else DeviceCheck(row.check),
        waiting_since=row.waiting_since,
        started_at=row.started_at,
        ended_at=row.ended_at,
        location=row.location,
        location_attested_at=row.location_attested_at,
        licensed_there=row.licensed_there,
        local_start=row.local_start,
        tzdata=row.tzdata,
        planned_location=row.planned_location,
        team=None if row.team is None else tuple(ClinicianId(each) for each in row.team),
        also=tuple(row.also),
        overbooked=row.overbooked,
        series_id=None if row.series_id is None else SeriesId(row.series_id),
        occurrence=row.occurrence,
        waived_location=row.waived_location,
        away_since=row.away_since,
        grace=row.grace,
        patient_no_show_after=row.patient_no_show_after,
        provider_no_show_after=row.provider_no_show_after,
        no_show_automatic=row.no_show_automatic,
    )


async def find_series(unit: Unit, series_id: UUID, *, lock: bool = False) -> Series:
    """The series, when it is the actor's to see; `lock` as in `find`. Raises NotFound."""
    query = select(SeriesRow).where(SeriesRow.id == series_id, await _visible_series(unit))
    found = await unit.session.scalar(
        (query.with_for_update() if lock else query).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound
    return Series(
        id=SeriesId(found.id),
        patient_id=PatientId(found.patient_id),
        clinician_id=ClinicianId(found.clinician_id),
        visit_type_id=VisitTypeId(found.visit_type_id),
        rrule=found.rrule,
        time_zone=found.time_zone,
        local_start=found.local_start,
        policy=Policy(found.policy),
        revision=found.revision,
        changed_at=found.changed_at,
    )


async def _visible_series(unit: Unit) -> ColumnElement[bool]:
    match unit.actor.role:
        case Role.SYSTEM | Role.FRONT_DESK:
            return true()
        case Role.CLINICIAN:
            part = exists().where(VisitRow.series_id == SeriesRow.id, VisitRow.clinician_id == unit.actor.person_id)
            return or_(SeriesRow.clinician_id == unit.actor.person_id, part)
        case Role.INTEGRATION:
            granted = await access.patients_granted(unit, APPOINTMENTS)
            return true() if isinstance(granted, Everyone) else SeriesRow.patient_id.in_(granted)
        case _:
            return false()


async def visits_of_series(unit: Unit, series_id: UUID, *, lock: bool = False) -> list[Visit]:
    """Its visits that are the actor's to see, in their order; those called off among them."""
    query = (
        select(VisitRow).where(VisitRow.series_id == series_id, await visible(unit)).order_by(VisitRow.occurrence)
    ).execution_options(populate_existing=True)
    return [visit_of(row) for row in await unit.session.scalars(query.with_for_update() if lock else query)]


async def hosts_of_series(unit: Unit, series_id: UUID) -> set[UUID]:
    """Who gives its visits, whoever asks; those called off do not count."""
    query = select(VisitRow.clinician_id).where(VisitRow.series_id == series_id)
    return set(await unit.session.scalars(query.where(VisitRow.status != VisitStatus.CANCELLED)))


async def visit_version(unit: Unit, visit_id: UUID) -> str:
    """The visit's revision, for streams: says that something changed, never what, so it leaves no audit row."""
    revision = await unit.session.scalar(select(VisitRow.revision).where(VisitRow.id == visit_id, await visible(unit)))
    if revision is None:
        raise NotFound
    return str(revision)


async def visit_versions(unit: Unit, guests: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], str]:
    """`visit_version` for many guests at once, by (participant, visit); without those who may not see the visit."""
    participants, visits = zip(*guests, strict=True)
    asked = (
        func.unnest(literal(participants, ARRAY(Uuid)), literal(visits, ARRAY(Uuid)))
        .table_valued(column("participant_id", Uuid), column("visit_id", Uuid), name="asked")
        .render_derived()
    )
    found = await unit.session.execute(
        select(asked.c.participant_id, asked.c.visit_id, VisitRow.revision).join_from(
            asked, VisitRow, _invited(asked.c.participant_id, asked.c.visit_id)
        )
    )
    return {(participant_id, visit_id): str(revision) for participant_id, visit_id, revision in found}


async def join_decision(unit: Unit, visit_id: UUID) -> JoinDecision:
    """Whether the patient may join now; if not: why, what to do, whom to call. Raises NotFound."""
    visit = await find(unit, visit_id)
    unit.audit("read", "visit", visit.id, patient_id=visit.patient_id)
    reason = join_reason(visit, unit.now)
    return JoinDecision(
        status=visit.status,
        can_join=reason is JoinReason.OPEN,
        opens_at=visit.opens_at,
        closes_at=visit.closes_at,
        reason=reason,
        what_to_do=what_to_do(reason),
        fallback_phone=(await people.clinic(unit)).phone,
        elsewhere=unit.actor.elsewhere,
    )


async def in_progress(unit: Unit) -> list[VisitId]:
    """The visits whose call is on, longest unchanged first. Ids alone leave no audit row."""
    query = select(VisitRow.id).where(VisitRow.status == VisitStatus.IN_PROGRESS, await visible(unit))
    return [VisitId(found) for found in await unit.session.scalars(query.order_by(VisitRow.changed_at))]


async def booked_ahead(unit: Unit, clinician_id: UUID, patient_id: UUID | None = None) -> list[Visit]:
    """Visits to come with that clinician that are the actor's to see, soonest first. Leaves no trace: see `find`."""
    whose = true() if patient_id is None else VisitRow.patient_id == patient_id
    ahead = (VisitRow.clinician_id == clinician_id, VisitRow.starts_at > unit.now, whose)
    query = select(VisitRow).where(*ahead, VisitRow.status == VisitStatus.BOOKED, await visible(unit))
    return [visit_of(row) for row in await unit.session.scalars(query.order_by(VisitRow.starts_at).limit(MOST_AHEAD))]


async def of_care(unit: Unit, patient_id: UUID) -> Visit | None:
    """A patient's nearest visit that came about, else to come, else any but a mistake. Untraced: see `find`."""
    came, ahead = VisitRow.status.in_(CAME_ABOUT), VisitRow.status.in_(BOOKED)
    query = select(VisitRow).where(VisitRow.patient_id == patient_id, VisitRow.status != S.ENTERED_IN_ERROR)
    away = func.abs(func.date_part("epoch", VisitRow.starts_at - unit.now))
    nearest = query.where(await visible(unit)).order_by(came.desc(), ahead.desc(), away).limit(1)
    return next((visit_of(row) for row in await unit.session.scalars(nearest)), None)


async def statuses(unit: Unit, visit_ids: Collection[UUID]) -> dict[UUID, VisitStatus]:
    """How visits stand, for what depends on them; leaves no trace."""
    rows = await unit.session.execute(select(VisitRow.id, VisitRow.status).where(VisitRow.id.in_(visit_ids)))
    return {visit_id: VisitStatus(status) for visit_id, status in rows}


async def booked_since(unit: Unit, patient_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """By patient, when the latest visit that is to come or came about was booked; leaves no trace."""
    latest = select(VisitRow.patient_id, func.max(VisitRow.created_at)).where(VisitRow.patient_id.in_(patient_ids))
    found = await unit.session.execute(latest.where(VisitRow.status.in_(BOOKED)).group_by(VisitRow.patient_id))
    return {patient_id: at for patient_id, at in found if at is not None}


async def history(unit: Unit, visit_id: UUID) -> list[Step]:
    """Every step of a visit, oldest first. Raises NotFound."""
    await find(unit, visit_id)
    rows = await unit.session.scalars(
        select(VisitEventRow).where(VisitEventRow.visit_id == visit_id).order_by(VisitEventRow.seq)
    )
    return [
        Step(
            seq=row.seq,
            command=Command(row.command),
            before=None if row.before is None else VisitStatus(row.before),
            after=VisitStatus(row.after),
            at=row.at,
            changes=row.changes,
        )
        for row in rows
    ]


async def earlier_status(unit: Unit, visit_id: UUID) -> VisitStatus | None:
    """The status before the last step that changed it."""
    row = VisitEventRow
    found = await unit.session.scalar(
        select(row.before)
        .where(row.visit_id == visit_id, row.before.is_not(None), row.before != row.after)
        .order_by(row.seq.desc())
        .limit(1)
    )
    return None if found is None else VisitStatus(found)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at a page, the zone they read times in, and the role that decides what the page offers them."""

    name: str
    time_zone: ZoneInfo
    role: Role


async def reader(unit: Unit) -> Reader:
    """A clinician reads in their own zone, everyone else in the clinic's."""
    account, name = await access.own_account(unit)
    if account.role is Role.CLINICIAN and account.person_id is not None:
        zone = (await people.clinician(unit, ClinicianId(account.person_id))).time_zone
    else:
        zone = (await people.clinic(unit)).time_zone
    return Reader(name, parse_zone(zone), account.role)


async def local_day(unit: Unit, day: date | None = None) -> tuple[datetime, datetime]:
    """A day of whoever looks, today without one, as instants [start, end)."""
    zone = (await reader(unit)).time_zone
    return whole_day(day or unit.now.astimezone(zone).date(), zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitFilter:
    """What a search may narrow by. A `…_from` is inclusive, a `…_before` is not."""

    ids: Collection[UUID] | None = None
    patient_id: UUID | None = None
    statuses: Collection[VisitStatus] | None = None
    starts_from: datetime | None = None
    starts_before: datetime | None = None
    started_from: datetime | None = None
    started_before: datetime | None = None
    changed_from: datetime | None = None
    changed_before: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        tests: list[tuple[Any, Callable[[Any], ColumnElement[bool]]]] = [
            (self.ids, VisitRow.id.in_),
            (self.patient_id, VisitRow.patient_id.__eq__),
            (self.statuses, VisitRow.status.in_),
            (self.starts_from, VisitRow.starts_at.__ge__),
            (self.starts_before, VisitRow.starts_at.__lt__),
            (self.started_from, VisitRow.started_at.__ge__),
            (self.started_before, VisitRow.started_at.__lt__),
            (self.changed_from, VisitRow.changed_at.__ge__),
            (self.changed_before, VisitRow.changed_at.__lt__),
        ]
        return [test(value) for value, test in tests if value is not None]


EVERYTHING = VisitFilter()


async def visits_granted(
    unit: Unit,
    granted: Granted,
    after: tuple[datetime, UUID] | None = None,
    *,
    limit: int,
    where: VisitFilter = EVERYTHING,
) -> list[Visit]:
    """Visits a grant opens, by (changed_at, id), after that position; each audited with the purpose of its grant."""
    conditions = where.conditions()
    if not isinstance(covered := granted.patients, Everyone):
        conditions.append(VisitRow.patient_id.in_(covered))
    if after is not None:
        conditions.append(tuple_(VisitRow.changed_at, VisitRow.id) > after)
    query = select(VisitRow).where(*conditions).order_by(VisitRow.changed_at, VisitRow.id).limit(limit)
    visits = [visit_of(row) for row in await unit.session.scalars(query)]
    for visit in visits:
        traced = access.acting_for(unit, granted.purpose(visit.patient_id))
        traced.audit("read", "visit", visit.id, patient_id=visit.patient_id)
    return visits


async def agenda(unit: Unit, span: tuple[datetime, datetime]) -> list[Visit]:
    """Every visit of the actor's that begins in [start, end), in order of time: for what names no patient.

    Leaves no trace by visit: whoever shows them leaves one that they were shown.
    """
    start, end = span
    within = VisitRow.starts_at >= start, VisitRow.starts_at < end, await visible(unit)
    query = select(VisitRow).where(*within).order_by(VisitRow.starts_at, VisitRow.id).limit(MOST_IN_AGENDA)
    return [visit_of(row) for row in await unit.session.scalars(query)]


def whole_day(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """[local midnight, next local midnight) as instants; 23 or 25 hours apart on clock-change days."""
    midnight = datetime.combine(day, time(), zone)
    return midnight.astimezone(UTC), datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)

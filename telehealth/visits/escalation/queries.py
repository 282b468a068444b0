"""Alerts, limited to those who are to hear of them, and the rules they go by."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Uuid,
    and_,
    bindparam,
    column,
    exists,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY

from telehealth.access import queries as access
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import AccountId, AlertId, ClinicianId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.visits.escalation.models import AlertRow, AlertStepRow, EscalationReopeningRow, EscalationRuleRow
from telehealth.visits.escalation.rules import (
    DAY_BEFORE,
    DEFAULT_LADDERS,
    REOPEN_AFTER,
    SHORTEST_REOPENING,
    STAYS,
    About,
    Alert,
    AlertKind,
    Audience,
    Closing,
    EscalationRules,
    Fault,
    Rung,
    Shown,
    Subject,
    Telling,
    Way,
)
from telehealth.visits.lifecycle.models import ParticipantRow, VisitRow
from telehealth.visits.lifecycle.parts import PATIENT_SIDE
from telehealth.visits.lifecycle.rules import OVER, VisitStatus

ROW, STEP = AlertRow, AlertStepRow
AT_ONCE = 100
PAGE = 500
NOT_OVER = [status.value for status in VisitStatus if status not in OVER]


@dataclass(frozen=True, slots=True)
class ToCome:
    """What is known of a visit to come that somebody may have to look at; `told`: an alert says so already."""

    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    starts_at: datetime
    has_link: bool
    told: bool

    def about(self, now: datetime) -> Subject:
        """What an alert is about that is raised now."""
        return Subject(
            patient_id=self.patient_id,
            since=now,
            visit_id=self.visit_id,
            clinician_id=self.clinician_id,
            starts_at=self.starts_at,
        )


async def visible(unit: Unit) -> ColumnElement[bool]:
    """Whom an alert concerns: the front desk all of them; a clinician who waits for them or in the queue, and whatever
    they were told of.
    """
    match unit.actor.role:
        case Role.SYSTEM | Role.FRONT_DESK:
            return true()
        case Role.CLINICIAN:
            return _concerns(unit.actor.person_id)
        case _:
            return false()


def _concerns(clinician_id: Any) -> ColumnElement[bool]:
    """An id, or a column with ids."""
    own = exists().where(VisitRow.id == ROW.visit_id, VisitRow.clinician_id == clinician_id)
    told = exists().where(STEP.alert_id == ROW.id, STEP.recipient_id == clinician_id)
    return or_(ROW.kind == AlertKind.QUEUED, and_(ROW.kind.in_(STAYS), own), told)


def still_so() -> ColumnElement[bool]:
    """Open, and what it says is so at this moment: nobody is said to wait who has been let in since. An alert about an
    entry in the queue closes with the entry, one about the house when it is looked at.
    """
    wanted = exists().where(VisitRow.id == ROW.visit_id, _as_the_alert_says())
    return and_(ROW.closed_at.is_(None), or_(ROW.visit_id.is_(None), wanted))


def _as_the_alert_says() -> ColumnElement[bool]:
    return or_(
        *(and_(ROW.kind == kind, VisitRow.status == status) for kind, status in STAYS.items()),
        and_(ROW.kind == AlertKind.LOCKED_LINK, VisitRow.status.in_(NOT_OVER)),
        and_(ROW.kind == AlertKind.UNJOINABLE, VisitRow.status == VisitStatus.BOOKED),
    )


async def on_board(unit: Unit) -> list[Shown]:
    """What concerns the actor now, longest first; each use of a patient's name is audited."""
    query = select(ROW).where(still_so(), await visible(unit)).order_by(ROW.since, ROW.id)
    alerts = [alert_of(row) for row in await unit.session.scalars(query)]
    patients = await people.patients(unit, {each.patient_id for each in alerts if each.patient_id is not None})
    about = await _about(unit, [each.visit_id for each in alerts if each.visit_id is not None])
    tellings = await _tellings(unit, [each.id for each in alerts])
    takers = {each.acknowledged_by for each in alerts if each.acknowledged_by is not None}
    names = await access.account_names(unit, takers) if takers else {}
    for each in alerts:
        unit.audit("read", "alert", each.id, patient_id=each.patient_id)
    return [
        Shown(
            alert=each,
            patient_name=None if each.patient_id is None else patients[each.patient_id].name,
            visit=None if each.visit_id is None else about[each.visit_id],
            by=None if each.acknowledged_by is None else names.get(each.acknowledged_by, ""),
            own=each.acknowledged_by is not None and each.acknowledged_by == unit.actor.id,
            tellings=tuple(tellings.get(each.id, ())),
        )
        for each in alerts
    ]


LATEST = func.max(func.greatest(ROW.raised_at, ROW.acknowledged_at, ROW.resumed_from))
NUMBERS = LATEST, func.count(), func.count(ROW.acknowledged_at), func.sum(ROW.step), func.sum(ROW.affected)


async def mark(unit: Unit) -> str:
    """A short word that changes when `on_board` does; says nothing else and leaves no audit row."""
    return _mark(*(await unit.session.execute(select(*NUMBERS).where(still_so(), await visible(unit)))).one())


async def marks(unit: Unit, clinician_ids: Collection[UUID]) -> tuple[str, dict[UUID, str]]:
    """The `mark` of the front desk and that of each clinician, in two queries."""
    every = (await unit.session.execute(select(*NUMBERS).where(still_so()))).one()
    given = bindparam("clinician_ids", list(clinician_ids), type_=ARRAY(Uuid()))
    asked = func.unnest(given).table_valued(column("id", Uuid())).render_derived()
    each = select(asked.c.id, *NUMBERS).join(ROW, and_(still_so(), _concerns(asked.c.id))).group_by(asked.c.id)
    return _mark(*every), {row[0]: _mark(*row[1:]) for row in await unit.session.execute(each)}


def _mark(latest: datetime | None, *numbers: int | None) -> str:
    return ".".join(str(each or 0) for each in (*numbers, int(latest.timestamp() * 1000) if latest else 0))


async def find(unit: Unit, alert_id: UUID) -> Alert:
    """The alert, open or closed, when it concerns the actor, with its row locked. Raises NotFound."""
    query = select(ROW).where(ROW.id == alert_id, await visible(unit)).with_for_update()
    found = await unit.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return alert_of(found)


async def taker(unit: Unit, alert_id: UUID) -> str | None:
    """Who took it on, open or closed; None when nobody did, or it does not concern the actor."""
    query = select(ROW.acknowledged_by).where(ROW.id == alert_id, await visible(unit))
    account_id = await unit.session.scalar(query)
    return None if account_id is None else (await access.account_names(unit, [account_id])).get(account_id)


async def ever(unit: Unit, kinds: Collection[AlertKind]) -> list[Alert]:
    """All of those kinds that concern the actor, open and closed, in the order in which they were raised."""
    query = select(ROW).where(ROW.kind.in_(kinds), await visible(unit)).order_by(ROW.raised_at, ROW.id)
    return [alert_of(row) for row in await unit.session.scalars(query)]


async def unheard(unit: Unit, visit_id: UUID) -> Alert:
    """The alert that this visit's patient waits, when it concerns the actor. Raises NotFound."""
    query = select(ROW).where(ROW.visit_id == visit_id, ROW.kind == AlertKind.WAITING, still_so(), await visible(unit))
    found = await unit.session.scalar(query)
    if found is None:
        raise NotFound
    return alert_of(found)


async def told_of(unit: Unit, alert_id: UUID, recipient_id: UUID) -> Telling:
    """How somebody was told. Raises NotFound."""
    found = [
        each for each in (await _tellings(unit, [alert_id])).get(alert_id, ()) if each.recipient_id == recipient_id
    ]
    if not found:
        raise NotFound
    return found[-1]


async def told_at(unit: Unit, alert_id: UUID, rung: int) -> int:
    """How many that rung has told already."""
    row = AlertStepRow
    query = select(func.count()).where(row.alert_id == alert_id, row.rung == rung)
    return await unit.session.scalar(query) or 0


async def holds(unit: Unit, alert_id: UUID) -> bool:
    """Whether what it says is still so."""
    return await unit.session.scalar(select(ROW.id).where(ROW.id == alert_id, still_so())) is not None


async def is_wanted(unit: Unit, alert_id: UUID) -> bool:
    """Whether it is still so and nobody has taken it on."""
    query = select(ROW.id).where(ROW.id == alert_id, ROW.acknowledged_at.is_(None), still_so())
    return await unit.session.scalar(query) is not None


async def clinicians_of(unit: Unit, visit_ids: Collection[UUID]) -> dict[UUID | None, ClinicianId]:
    """Who gives each visit."""
    if not visit_ids:
        return {}
    found = await unit.session.execute(select(VisitRow.id, VisitRow.clinician_id).where(VisitRow.id.in_(visit_ids)))
    return {visit_id: ClinicianId(clinician_id) for visit_id, clinician_id in found}


async def due(unit: Unit) -> list[UUID]:
    """Alerts whose next rung is due, longest ago first."""
    waiting = (ROW.closed_at.is_(None), ROW.acknowledged_at.is_(None), ROW.next_at <= unit.now)
    return list(await unit.session.scalars(select(ROW.id).where(*waiting).order_by(ROW.next_at).limit(AT_ONCE)))


async def neglected(unit: Unit) -> list[UUID]:
    """Alerts that somebody took on long ago, and that are still so, longest ago first."""
    long_ago = unit.now - timedelta(seconds=SHORTEST_REOPENING)
    taken_on = select(ROW.id).where(ROW.closed_at.is_(None), ROW.acknowledged_at <= long_ago).limit(1)
    if await unit.session.scalar(taken_on) is None:  # as at nearly every sweep
        return []
    said = (await rules(unit)).reopen_after
    late = (and_(ROW.kind == kind, ROW.acknowledged_at <= unit.now - timedelta(seconds=said[kind])) for kind in said)
    query = select(ROW.id).where(still_so(), or_(*late)).order_by(ROW.acknowledged_at).limit(AT_ONCE)
    return list(await unit.session.scalars(query))


async def moot(unit: Unit) -> list[UUID]:
    """Open alerts that nobody has closed and that are not so any more."""
    query = select(ROW.id).where(ROW.closed_at.is_(None), ~still_so()).order_by(ROW.id).limit(AT_ONCE)
    return list(await unit.session.scalars(query))


async def watched_entries(unit: Unit) -> dict[AlertKind, set[UUID]]:
    """The entries of the queue that have an open alert, by its kind."""
    query = select(ROW.kind, ROW.queue_entry_id).where(ROW.queue_entry_id.is_not(None), ROW.closed_at.is_(None))
    found: dict[AlertKind, set[UUID]] = {}
    for kind, entry_id in await unit.session.execute(query):
        if entry_id is not None:
            found.setdefault(AlertKind(kind), set()).add(entry_id)
    return found


async def to_come(unit: Unit, after: ToCome | None = None) -> list[ToCome]:
    """Booked visits of the next day, soonest first, a page of them after the last of the page before."""
    living = exists().where(
        ParticipantRow.visit_id == VisitRow.id,
        ParticipantRow.role.in_([kind.value for kind in PATIENT_SIDE]),
        ParticipantRow.revoked_at.is_(None),
        ParticipantRow.link_hash.is_not(None),
    )
    told = exists().where(ROW.visit_id == VisitRow.id, _unjoinable())
    columns = (VisitRow.id, VisitRow.patient_id, VisitRow.clinician_id, VisitRow.starts_at, living, told)
    query = select(*columns).where(_near(unit.now)).order_by(VisitRow.starts_at, VisitRow.id).limit(PAGE)
    if after is not None:
        query = query.where(tuple_(VisitRow.starts_at, VisitRow.id) > (after.starts_at, after.visit_id))
    return [
        ToCome(VisitId(visit), PatientId(patient), ClinicianId(clinician), starts_at, has_link, was_told)
        for visit, patient, clinician, starts_at, has_link, was_told in await unit.session.execute(query)
    ]


async def how_many_to_come(unit: Unit) -> int:
    """Booked visits of the next day."""
    return await unit.session.scalar(select(func.count()).select_from(VisitRow).where(_near(unit.now))) or 0


def _near(now: datetime) -> ColumnElement[bool]:
    soon = and_(VisitRow.starts_at > now, VisitRow.starts_at <= now + DAY_BEFORE)
    return and_(VisitRow.status == VisitStatus.BOOKED, soon)


async def unjoinable(unit: Unit, visit_ids: Collection[UUID]) -> dict[UUID | None, Alert]:
    """The open alerts that say nobody could join, by visit, with their rows locked."""
    query = select(ROW).where(ROW.visit_id.in_(visit_ids), _unjoinable()).order_by(ROW.id).with_for_update()
    rows = await unit.session.scalars(query.execution_options(populate_existing=True))
    return {row.visit_id: alert_of(row) for row in rows}


def _unjoinable() -> ColumnElement[bool]:
    return and_(ROW.kind == AlertKind.UNJOINABLE, ROW.closed_at.is_(None))


async def of_the_house(unit: Unit) -> Alert | None:
    """The open alert that says what the house lacks, with its row locked."""
    query = select(ROW).where(ROW.kind == AlertKind.HOUSE, ROW.closed_at.is_(None)).with_for_update()
    row = await unit.session.scalar(query.execution_options(populate_existing=True))
    return None if row is None else alert_of(row)


async def ladder(unit: Unit, kind: AlertKind) -> tuple[Rung, ...]:
    """How that kind of alert escalates in this clinic."""
    return (await rules(unit)).ladders[kind]


async def rules(unit: Unit) -> EscalationRules:
    """How every kind of alert escalates, and when it is raised again: as the clinic said, else by the defaults."""
    row, reopening = EscalationRuleRow, EscalationReopeningRow
    said: dict[AlertKind, list[Rung]] = {}
    for each in await unit.session.scalars(select(row).order_by(row.kind, row.rung)):
        said.setdefault(AlertKind(each.kind), []).append(Rung(each.after, Audience(each.whom), each.address))
    after = {
        AlertKind(kind): each for kind, each in await unit.session.execute(select(reopening.kind, reopening.after))
    }
    ladders = {kind: tuple(said.get(kind, DEFAULT_LADDERS[kind])) for kind in AlertKind}
    return EscalationRules(ladders, {kind: after.get(kind, REOPEN_AFTER[kind]) for kind in AlertKind})


def alert_of(row: AlertRow) -> Alert:
    return Alert(
        id=AlertId(row.id),
        kind=AlertKind(row.kind),
        visit_id=None if row.visit_id is None else VisitId(row.visit_id),
        queue_entry_id=row.queue_entry_id,
        patient_id=None if row.patient_id is None else PatientId(row.patient_id),
        affected=row.affected,
        place=row.place,
        faults=tuple(map(Fault, row.faults)),
        since=row.since,
        raised_at=row.raised_at,
        resumed_from=row.resumed_from,
        step=row.step,
        next_at=row.next_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=None if row.acknowledged_by is None else AccountId(row.acknowledged_by),
        closed_at=row.closed_at,
        closing=None if row.closing is None else Closing(row.closing),
    )


async def _about(unit: Unit, visit_ids: Iterable[UUID]) -> dict[UUID, About]:
    columns = (VisitRow.id, VisitRow.starts_at, VisitRow.clinician_id, VisitRow.revision)
    found = await unit.session.execute(select(*columns).where(VisitRow.id.in_(list(visit_ids))))
    return {each: About(starts_at, ClinicianId(giver), revision) for each, starts_at, giver, revision in found}


async def _tellings(unit: Unit, alert_ids: Iterable[UUID]) -> dict[UUID, list[Telling]]:
    query = select(STEP).where(STEP.alert_id.in_(list(alert_ids))).order_by(STEP.alert_id, STEP.rung, STEP.number)
    found: dict[UUID, list[Telling]] = {}
    for row in await unit.session.scalars(query):
        telling = Telling(
            at=row.at,
            rung=row.rung,
            whom=Audience(row.whom),
            way=Way(row.way),
            role=None if row.role is None else Role(row.role),
            recipient_id=row.recipient_id,
            address=row.address,
            had_by=None if row.had_by is None else AccountId(row.had_by),
        )
        found.setdefault(row.alert_id, []).append(telling)
    return found

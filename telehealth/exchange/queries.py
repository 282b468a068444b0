"""What integrations may read, by grant. Each disclosure is audited where it is read, with the purpose of its grant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from telehealth.access import queries as access
from telehealth.access.rules import DataKind
from telehealth.core.actors import Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, VisitId
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.exchange.agenda import AHEAD, BEHIND, CANCELLED_FOR, UNSHOWN, Agenda
from telehealth.exchange.rules import ALWAYS, ANSWERED, TASK_STATUS, WAITING, ResourceType, Span, statuses_of
from telehealth.followups import queries as followups
from telehealth.followups.parts import FollowUp, Pool, TaskFilter
from telehealth.monitoring import queries as monitoring
from telehealth.monitoring.rules import Response, ResponseFilter
from telehealth.people import queries as people
from telehealth.people.rules import Clinician, Patient
from telehealth.records.charting import queries as records
from telehealth.records.charting.queries import START, Summary, SummaryFilter
from telehealth.records.delivery.statuses import APPOINTMENT_STATUS, ENCOUNTER_STATUS
from telehealth.records.notes.amendments import DocumentStatus
from telehealth.scheduling.calendars import queries as calendars
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.queries import VisitFilter
from telehealth.visits.lifecycle.rules import Visit, VisitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A search, understood. `after` is the position of the last one of the page before, as `Found` gave it."""

    ids: frozenset[UUID] | None = None
    patient_id: UUID | None = None
    patient_identifier: str | None = None
    date: Span = ALWAYS
    changed: Span = ALWAYS
    status: str | None = None
    after: str | None = None
    limit: int = 1


@dataclass(frozen=True, slots=True)
class Cast:
    """The people that resources name."""

    patients: Mapping[PatientId, Patient]
    clinicians: Mapping[ClinicianId, Clinician]


@dataclass(frozen=True, slots=True)
class Appointments:
    visits: list[Visit]
    cast: Cast


@dataclass(frozen=True, slots=True)
class Encounters:
    visits: list[Visit]
    cast: Cast


@dataclass(frozen=True, slots=True)
class Documents:
    summaries: list[Summary]
    cast: Cast


@dataclass(frozen=True, slots=True)
class Tasks:
    """`begun` are the visits that have an Encounter."""

    tasks: list[FollowUp]
    begun: frozenset[UUID]
    cast: Cast


@dataclass(frozen=True, slots=True)
class Responses:
    """`begun` are the visits that have an Encounter."""

    responses: list[Response]
    begun: frozenset[UUID]
    cast: Cast


Found = Appointments | Encounters | Documents | Tasks | Responses


async def agenda(unit: Unit, secret: str) -> Agenda:
    """The visits of the clinician whose calendar address this is, read on their behalf. Raises NotFound."""
    clinician_id = await calendars.clinician_by_link(unit, secret)
    clinician = await people.clinician(unit, clinician_id)
    owner = Actor(None, Role.CLINICIAN, person_id=clinician_id, purpose=unit.actor.purpose)
    span = unit.now - BEHIND, unit.now + AHEAD
    found = await visits.agenda(replace(unit, actor=owner), span)
    shown = [each for each in found if _is_told(each, unit.now)]
    unit.audit("read", "calendar_link", clinician_id)
    return Agenda(visits=shown, zone=parse_zone(clinician.time_zone), now=unit.now)


def _is_told(visit: Visit, now: datetime) -> bool:
    if visit.status in UNSHOWN:
        return False
    return visit.status is not VisitStatus.CANCELLED or now < visit.changed_at + CANCELLED_FOR


def last_position(found: Found) -> str | None:
    """Where the next page goes on; None after nothing."""
    match found:
        case Documents(summaries):
            return written(summaries[-1]) if summaries else None
        case Appointments(visits) | Encounters(visits):
            return f"{visits[-1].changed_at.isoformat()}/{visits[-1].id}" if visits else None
        case Tasks(tasks):
            return f"{tasks[-1].moved_at.isoformat()}/{tasks[-1].id}" if tasks else None
        case Responses(responses):
            return f"{responses[-1].answered_at.isoformat()}/{responses[-1].id}" if responses else None
        case never:
            assert_never(never)


async def summaries(unit: Unit, *, after: str | None, limit: int) -> list[Summary]:
    """Signed summaries from that position on. Raises NoGrant."""
    return await records.signed_summaries(unit, _position(after), limit=limit)


def written(summary: Summary) -> str:
    """The position of a summary as text."""
    transaction, version_id = summary.position
    return f"{transaction}/{version_id}"


def _position(text: str | None) -> tuple[int, UUID]:
    if text is None:
        return START
    transaction, _, version_id = text.partition("/")
    return int(transaction), UUID(version_id)


async def read(unit: Unit, resource_type: ResourceType, resource_id: UUID) -> Found:
    """Raises NotFound, NoGrant."""
    found = await SEARCHES[resource_type](unit, Wanted(ids=frozenset({resource_id})))
    if last_position(found) is None:
        raise NotFound
    return found


async def search(unit: Unit, resource_type: ResourceType, wanted: Wanted) -> Found:
    """Raises NoGrant."""
    if wanted.patient_identifier is None:
        return await SEARCHES[resource_type](unit, wanted)
    named = await people.identified(unit, wanted.patient_identifier)
    if named is None or wanted.patient_id not in (None, named):
        wanted = replace(wanted, ids=frozenset())
    return await SEARCHES[resource_type](unit, replace(wanted, patient_id=named))


async def _appointments(unit: Unit, wanted: Wanted) -> Found:
    date = wanted.date
    where = replace(_of_visits(wanted, APPOINTMENT_STATUS), starts_from=date.start, starts_before=date.before)
    found = await _visits(unit, DataKind.APPOINTMENTS, where, wanted)
    return Appointments(found, await _cast(unit, found))


async def _encounters(unit: Unit, wanted: Wanted) -> Found:
    date = wanted.date
    where = replace(_of_visits(wanted, ENCOUNTER_STATUS), started_from=date.start, started_before=date.before)
    found = await _visits(unit, DataKind.ENCOUNTERS, where, wanted)
    return Encounters(found, await _cast(unit, found))


async def _documents(unit: Unit, wanted: Wanted) -> Found:
    codes = None if wanted.status is None else _codes(wanted.status)
    where = SummaryFilter(
        ids=wanted.ids,
        patient_id=wanted.patient_id,
        signed_from=wanted.date.start,
        signed_before=wanted.date.before,
        changed_from=wanted.changed.start,
        changed_before=wanted.changed.before,
        statuses=[each for each in DocumentStatus if codes is None or each in codes],
    )
    found = await records.signed_summaries(
        unit, _position(wanted.after), limit=wanted.limit, where=where, data_kind=DataKind.DOCUMENTS
    )
    return Documents(found, await _cast(unit, found))


async def _tasks(unit: Unit, wanted: Wanted) -> Found:
    granted = await access.data_granted(unit, DataKind.TASKS)
    codes = None if wanted.status is None else _codes(wanted.status)
    where = TaskFilter(
        ids=wanted.ids,
        patient_id=wanted.patient_id,
        statuses=None if codes is None else [each for each, code in TASK_STATUS.items() if code in codes],
        waiting=None if codes is None else WAITING in codes,
        planned_from=wanted.date.start,
        planned_before=wanted.date.before,
        changed_from=wanted.changed.start,
        changed_before=wanted.changed.before,
    )
    found = await followups.tasks_granted(unit, granted, _moment(wanted.after), limit=wanted.limit, where=where)
    return Tasks(found, await _begun(unit, {each.visit_id for each in found}), await _cast(unit, found))


async def _begun(unit: Unit, visit_ids: set[VisitId]) -> frozenset[UUID]:
    statuses = await visits.statuses(unit, visit_ids)
    return frozenset(visit for visit, status in statuses.items() if status in ENCOUNTER_STATUS)


async def _responses(unit: Unit, wanted: Wanted) -> Found:
    """They change once, when they are made: of `authored` and `_lastUpdated` what both say."""
    granted = await access.data_granted(unit, DataKind.ANSWERS)
    span = wanted.date.within(wanted.changed)
    nothing = wanted.status is not None and ANSWERED not in _codes(wanted.status)
    where = ResponseFilter(
        ids=frozenset() if nothing else wanted.ids,
        patient_id=wanted.patient_id,
        answered_from=span.start,
        answered_before=span.before,
    )
    found = await monitoring.responses_granted(unit, granted, _moment(wanted.after), limit=wanted.limit, where=where)
    begun = await _begun(unit, {each.request.visit_id for each in found})
    return Responses(found, begun, Cast(await people.patients(unit, {each.request.patient_id for each in found}), {}))


SEARCHES = {
    ResourceType.APPOINTMENT: _appointments,
    ResourceType.ENCOUNTER: _encounters,
    ResourceType.DOCUMENT_REFERENCE: _documents,
    ResourceType.TASK: _tasks,
    ResourceType.QUESTIONNAIRE_RESPONSE: _responses,
}


def _codes(status: str) -> set[str]:
    return {each.rpartition("|")[2] for each in status.split(",")}


def _of_visits(wanted: Wanted, table: Mapping[VisitStatus, str]) -> VisitFilter:
    return VisitFilter(
        ids=wanted.ids,
        patient_id=wanted.patient_id,
        statuses=frozenset(table) if wanted.status is None else statuses_of(wanted.status, table),
        changed_from=wanted.changed.start,
        changed_before=wanted.changed.before,
    )


async def _visits(unit: Unit, data_kind: DataKind, where: VisitFilter, wanted: Wanted) -> list[Visit]:
    granted = await access.data_granted(unit, data_kind)
    return await visits.visits_granted(unit, granted, _moment(wanted.after), limit=wanted.limit, where=where)


def _moment(text: str | None) -> tuple[datetime, UUID] | None:
    """The position of what is read in the order in which it changed."""
    if text is None:
        return None
    at, _, resource_id = text.partition("/")
    return datetime.fromisoformat(at), UUID(resource_id)


async def _cast(unit: Unit, found: Sequence[Visit] | Sequence[Summary] | Sequence[FollowUp]) -> Cast:
    patients = await people.patients(unit, {each.patient_id for each in found})
    named = {one.clinician_id for one in found} | {ClinicianId(each) for one in found if (each := _owner(one))}
    clinicians = {each: await people.clinician(unit, each) for each in named}
    return Cast(patients, clinicians)


def _owner(found: Visit | Summary | FollowUp) -> UUID | None:
    """The clinician who owns a task."""
    if isinstance(found, FollowUp) and found.owner.pool is Pool.CLINICIANS:
        return found.owner.person_id
    return None

"""Times as integrations see them: worked out when they are asked for, never stored, and no patient's data.

What is free here is what a search of the house would offer to a patient it knows nothing about.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from telehealth.core import minutes
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.exchange.choices import SlotName, Sought
from telehealth.exchange.queries import Cast
from telehealth.exchange.rules import ALWAYS, Span
from telehealth.people import queries as people
from telehealth.people.rules import Clinic, Clinician
from telehealth.scheduling.availability import queries as availability
from telehealth.scheduling.availability.rules import DAY, Resource, to_instant, to_minute
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.explain import Judgement
from telehealth.scheduling.booking.offered import offers
from telehealth.scheduling.booking.queries import Ground
from telehealth.scheduling.booking.rules import Asked, Minutes, Reason, Slot, VisitType

FREE, BUSY = "free", "busy"
STATUSES = frozenset({FREE, BUSY})
FARTHEST = timedelta(days=3 * 366)
NO_SLOT = frozenset({Reason.NOT_OFFERED, Reason.TOO_FAR})  # there is no such time, rather than somebody having it
PUBLISHED_DAYS, MOST_PUBLISHED = 28, 10_000


@dataclass(frozen=True, slots=True)
class Timetable:
    """A clinician's calendar, and what can be booked in it."""

    host: Resource
    clinician: Clinician
    kinds: Sequence[VisitType]
    now: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """A time that a clinician's hours offer, taken or not."""

    kind: VisitType
    name: SlotName
    free: bool

    @property
    def order(self) -> tuple[datetime, str]:
        return self.name.start, self.name.written()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsWanted:
    """A search for slots, understood; None is all of them. `after` is the place the page before ended with."""

    clinician_ids: Collection[UUID] | None = None
    codes: Collection[str] | None = None
    span: Span = ALWAYS
    statuses: Collection[str] = STATUSES
    after: tuple[datetime, str] | None = None
    limit: int = 1


@dataclass(frozen=True, slots=True)
class Proposal:
    """A time that could be booked now."""

    kind: VisitType
    slot: Slot

    @property
    def name(self) -> SlotName:
        return SlotName(visit_type_id=self.kind.id, start=self.slot.start, clinician_id=self.slot.clinician_id)


@dataclass(frozen=True, slots=True)
class Published:
    """What everyone may see: how many clinicians are free for each kind of visit, and when."""

    clinic: Clinic
    kinds: Sequence[VisitType]
    places: Sequence[tuple[VisitType, datetime, int]]


async def timetables(unit: Unit, *, after: UUID | None = None, limit: int) -> list[Timetable]:
    """Those of the clinicians, retired ones too, by id."""
    resources = await availability.timetables(unit, (await unit.session.scalars(select(availability.stamp()))).one())
    clinicians = sorted(await people.clinicians(unit), key=lambda each: each.id)
    kinds = await booking.visit_types(unit)
    known = [each for each in clinicians if each.id in resources and (after is None or each.id > after)]
    return [Timetable(resources[each.id], each, kinds, unit.now) for each in known[:limit]]


async def timetable(unit: Unit, resource_id: UUID) -> Timetable:
    """Raises NotFound."""
    found = [each for each in await timetables(unit, limit=availability.MOST_RESOURCES) if each.host.id == resource_id]
    if not found:
        raise NotFound
    return found[0]


async def bookable_kind(unit: Unit, visit_type_id: UUID) -> VisitType:
    """Raises NotFound for one that is not offered any more."""
    for kind in await booking.visit_types(unit):
        if kind.id == visit_type_id:
            return kind
    raise NotFound


async def place(unit: Unit, name: SlotName) -> Place:
    """Whether that time is free now. Raises NotFound for one that no hours offer."""
    kind = await bookable_kind(unit, name.visit_type_id)
    ground = await booking.stand(unit, Asked(visit_type_id=kind.id, clinician_ids=name.clinician_ids))
    start, hosts = to_minute(name.start), _clinicians(ground)
    if name.clinician_id is None or not hosts or ground.out_of_reach(start):
        raise NotFound
    reasons = set((await booking.judge(unit, ground, start))[0].reasons(start))
    if reasons & NO_SLOT:
        raise NotFound
    return Place(kind, name, free=not reasons)


async def places(unit: Unit, wanted: SlotsWanted) -> list[Place]:
    """The first of them by (start, name)."""
    if wanted.clinician_ids is not None and not wanted.clinician_ids:
        return []
    found: list[Place] = []
    for kind in await _kinds(unit, wanted.codes):
        found += await _of_kind(unit, kind, wanted)
    return sorted(found, key=lambda each: each.order)[: wanted.limit]


async def _kinds(unit: Unit, codes: Collection[str] | None) -> list[VisitType]:
    return [each for each in await booking.visit_types(unit) if codes is None or each.code in codes]


async def _of_kind(unit: Unit, kind: VisitType, wanted: SlotsWanted) -> list[Place]:
    named = [ClinicianId(each) for each in wanted.clinician_ids or ()]
    ground = await booking.stand(unit, Asked(visit_type_id=kind.id, clinician_ids=named))
    hosts, found = _clinicians(ground), list[Place]()
    for piece in _widening(_bookable(unit, ground, wanted)):
        if not hosts or len(found) >= wanted.limit:
            break
        here = [*_places(await _Look.at(unit, ground, piece, hosts), wanted.statuses)]
        found += [each for each in here if wanted.after is None or each.order > wanted.after]
    return found


def _bookable(unit: Unit, ground: Ground, wanted: SlotsWanted) -> Minutes:
    starts = [each for each in (wanted.span.start, wanted.after and wanted.after[0]) if each is not None]
    start = max(starts, default=unit.now)
    end = min(wanted.span.before or unit.now + FARTHEST, unit.now + FARTHEST)
    return ground.bookable(start, max(start, end))


def _clinicians(ground: Ground) -> list[Resource]:
    return [each for each in ground.hosts if each.kind == "clinician"]


def _widening(span: Minutes) -> Iterator[Minutes]:
    """A day, four days, sixteen, …: the first page seldom needs more than the first look."""
    start, length = span.start, DAY
    while start < span.end:
        yield Interval(start, min(start + length, span.end))
        start, length = start + length, length * 4


@dataclass(frozen=True, slots=True)
class _Look:
    ground: Ground
    piece: Minutes
    judgements: Sequence[Judgement]

    @classmethod
    async def at(cls, unit: Unit, ground: Ground, piece: Minutes, hosts: Sequence[Resource]) -> "_Look":
        seen = await booking.scene(unit, ground, piece, hosts)
        return cls(ground, piece, [Judgement(seen, host) for host in hosts])


def _places(look: _Look, statuses: Collection[str]) -> Iterator[Place]:
    kind = look.ground.kind
    for judgement in look.judgements:
        frame = judgement.scene.frame
        shift, length = look.piece.start - frame.start, look.piece.end - look.piece.start
        free = judgement.starts >> shift & minutes.filled(length)
        offered = minutes.any_of(each.bits for each in offers(judgement.host, kind, look.piece)) | free
        shown = (free if FREE in statuses else 0) | (offered & ~free if BUSY in statuses else 0)
        for at in minutes.minutes_of(shown):
            start = to_instant(look.piece.start + at)
            name = SlotName(visit_type_id=kind.id, start=start, clinician_id=ClinicianId(judgement.host.id))
            yield Place(kind, name, free=bool(free >> at & 1))


async def proposals(unit: Unit, question: Sought, patient_id: PatientId | None) -> list[Proposal]:
    """The first times that could be booked, by start; the patient has been found by what points at them."""
    known = {each.id for each in await people.clinicians(unit)}
    named = None if question.practitioners is None else sorted(known & set(question.practitioners))
    if named == []:
        return []
    found: list[Proposal] = []
    for kind in await _kinds(unit, question.codes):
        asked = Asked(visit_type_id=kind.id, clinician_ids=named or (), patient_id=patient_id)
        slots = await booking.search(unit, asked, question.span, question.limit)
        found += [Proposal(kind, each) for each in slots]
    return sorted(found, key=lambda each: each.slot.order)[: question.limit]


async def cast_of(unit: Unit, clinician_ids: Collection[UUID], patient_id: PatientId | None = None) -> Cast:
    clinicians = {each.id: each for each in await people.clinicians(unit) if each.id in set(clinician_ids)}
    patients = {} if patient_id is None else await people.patients(unit, [patient_id])
    return Cast(patients, clinicians)


async def published(unit: Unit, codes: Collection[str]) -> Published:
    """The free times of the next four weeks, the nearest when there are very many; whose they are stays untold."""
    kinds = await _kinds(unit, codes or None)
    span = Interval(unit.now, unit.now + timedelta(days=PUBLISHED_DAYS))
    found: list[tuple[VisitType, datetime, int]] = []
    for kind in kinds:
        free = await booking.free_starts(unit, Asked(visit_type_id=VisitTypeId(kind.id)), span)
        count = Counter(start for starts in free.values() for start in starts)
        found += [(kind, start, hosts) for start, hosts in count.items()]
    nearest = sorted(found, key=lambda each: (each[1], each[0].code))[:MOST_PUBLISHED]
    return Published(await people.clinic(unit), kinds, nearest)

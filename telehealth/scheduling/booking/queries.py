"""What is open and what is busy: at most four statements for a search, whatever the clinicians and days."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import UUID
from zlib import crc32

from sqlalchemy import String, Uuid, bindparam, null, select

from telehealth.core import minutes
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.db.direct import Direct
from telehealth.db.unit import Unit
from telehealth.people import licensing
from telehealth.people import queries as people
from telehealth.scheduling.availability import queries as availability
from telehealth.scheduling.availability.rules import (
    CLINICIAN,
    DAY,
    EPOCH_DAY,
    Resource,
    segments,
    to_instant,
    to_minute,
    to_minute_up,
)
from telehealth.scheduling.booking.busy import LOCKED, glance, look
from telehealth.scheduling.booking.explain import Judgement, Licensing, Scene, candidates
from telehealth.scheduling.booking.models import VisitTypeRow
from telehealth.scheduling.booking.offered import interned, offered_on, takes_one
from telehealth.scheduling.booking.rules import Asked, Audience, Minutes, Reason, RoleNeed, Slot, VisitType

FIELDS = tuple(name for name in VisitType.__dataclass_fields__ if name not in {"offset", "roles", "id"})
FARTHEST_DAYS = 3 * 366  # nobody books beyond, with whatever reason
ENOUGH = 12  # candidates to look at for every slot wanted, at first
FEW = 3  # clinicians whose whole span is looked at at once
FINEST = 15  # minutes; the first look is not cut finer


async def visit_types(unit: Unit) -> list[VisitType]:
    """What can be booked here, by name."""
    rows = await unit.session.scalars(
        select(VisitTypeRow).where(VisitTypeRow.retired_at.is_(None)).order_by(VisitTypeRow.name, VisitTypeRow.id)
    )
    return [visit_type_of(row) for row in rows]


async def visit_type(unit: Unit, visit_type_id: UUID) -> VisitType:
    """Raises NotFound; a retired one is still found, for the visits that have it."""
    row = await unit.session.get(VisitTypeRow, visit_type_id)
    if row is None:
        raise NotFound
    return visit_type_of(row)


def visit_type_of(row: Any) -> VisitType:
    """From a VisitTypeRow, or a row of its columns."""
    plain: dict[str, Any] = {name: getattr(row, name) for name in FIELDS}
    roles = tuple(RoleNeed(**each) for each in row.roles)
    plain["reminders"] = tuple(row.reminders)
    return interned(VisitType(id=VisitTypeId(row.id), offset=row.grid_offset, roles=roles, **plain))


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What every question about the same visit type, clinicians and patient stands on. `locked`: nobody else may take
    time of those whose keys were given, until the transaction ends.
    """

    asked: Asked
    kind: VisitType
    now: int
    resources: Mapping[UUID, Resource]
    hosts: Sequence[Resource]
    unverified: frozenset[UUID]
    is_retired: bool = False
    locked: bool | None = None
    whereabouts: Sequence[licensing.Whereabouts] = ()
    licences: Mapping[ClinicianId, Sequence[licensing.Licence]] = field(default_factory=dict)

    def bookable(self, start: datetime, end: datetime) -> Minutes:
        """The part of [start, end) in which anything could be booked at all."""
        notice = self.kind.notice if self.asked.audience is Audience.PATIENT else 0
        earliest = max(to_minute_up(start), self.now + notice)
        latest = min(to_minute_up(end), self.now + (self.kind.horizon_days + 2) * DAY)
        return Interval(earliest, max(earliest, latest))

    def out_of_reach(self, start: int) -> Reason | None:
        """Why a start is too far away in time to be looked at; nothing of what is near needs an answer here."""
        if start < self.now - DAY:
            return Reason.TOO_SOON
        return Reason.TOO_FAR if start > self.now + FARTHEST_DAYS * DAY else None

    def pieces(self, span: Minutes, limit: int) -> Iterator[tuple[Minutes, Sequence[Resource]]]:
        """`span` in two, each with who might give a visit there: what should hold the first `limit`, and the rest."""
        if span.start >= span.end:
            return
        cut, hosts = self._enough(span, ENOUGH * limit) if len(self.hosts) > FEW else (span.end, list(self.hosts))
        yield Interval(span.start, cut), hosts if self.kind.seats == 1 else self.hosts  # a session may be out of hours
        if cut < span.end:
            yield Interval(cut, span.end), self.hosts

    def _enough(self, span: Minutes, wanted: int) -> tuple[int, list[Resource]]:
        """The minute before which that many starts are offered, busy or not, and by whom."""
        seen: dict[UUID, Resource] = {}
        count = 0
        for day in range(span.start // DAY, (span.end - 1) // DAY + 1):
            inside = _inside_of_day(span, day)
            today = [(host, bits) for host in self.hosts if (bits := offered_on(host, self.kind, day) & inside)]
            more = sum(bits.bit_count() for _, bits in today)
            if count + more >= wanted:
                cut = _first_with([bits for _, bits in today], wanted - count)
                before = minutes.filled(cut)
                return day * DAY + cut, [*seen.values(), *(host for host, bits in today if bits & before)]
            seen |= {host.id: host for host, _ in today}
            count += more
        return span.end, list(seen.values())

    def needed(self, hosts: Sequence[Resource]) -> list[UUID]:
        """Whose busy time decides: the clinicians, what must come along, whoever could fill a role, the patient."""
        pool = [each.id for need in self.kind.roles for each in candidates(self.resources.values(), need)]
        patient = [self.asked.patient_id] if self.asked.patient_id else []
        return list(dict.fromkeys([*(each.id for each in hosts), *self.asked.also, *pool, *patient]))

    def licensing(self, frame: Minutes, hosts: Sequence[Resource]) -> Licensing:
        if not self.kind.needs_licence:
            return Licensing()
        span = Interval(to_instant(frame.start), to_instant(frame.end))
        if self.asked.jurisdiction is not None:
            stays = [licensing.Stay(self.asked.jurisdiction, span)]
        else:
            stays = licensing.stays(self.whereabouts, span)
        allowed = {
            host.id: [_minutes(each) for each in licensing.licensed(self.licences.get(ClinicianId(host.id), ()), stays)]
            for host in hosts
        }
        return Licensing([_minutes(each.span) for each in stays], allowed)

    def empty_scene(self, frame: Minutes, hosts: Sequence[Resource]) -> Scene:
        """Without what is busy."""
        return Scene(
            kind=self.kind,
            frame=frame,
            now=self.now,
            resources=self.resources,
            patient_id=self.asked.patient_id,
            also=self.asked.also,
            audience=self.asked.audience,
            booking=self.asked.booking,
            unverified=self.unverified,
            licensing=self.licensing(frame, hosts),
        )

    def is_simple(self, resource_ids: Sequence[UUID]) -> bool:
        """Whether it is enough to know when everyone is busy: nothing is counted, and each takes one at a time."""
        kind = self.kind
        if kind.seats > 1 or kind.cap_per_day or kind.cap_per_week or kind.overbook_limit:
            return False
        return all(takes_one(self.resources[each]) for each in resource_ids if each in self.resources)


def _inside_of_day(span: Minutes, day: int) -> int:
    return minutes.between(span.start - day * DAY, span.end - day * DAY, DAY)


def _first_with(sets: Sequence[int], wanted: int) -> int:
    """The first minute of a day before which the sets hold `wanted` members together."""
    low, high = 0, DAY
    while high - low > FINEST:
        middle = (low + high) // 2
        inside = minutes.filled(middle)
        if sum((bits & inside).bit_count() for bits in sets) >= wanted:
            high = middle
        else:
            low = middle
    return high


def _minutes(span: Interval[datetime]) -> Minutes:
    return Interval(to_minute_up(span.start), to_minute_up(span.end))


def _standing(*about_the_patient: Any) -> Direct:
    """The visit type's columns, the stamp of all resources, where the patient will be, who is licensed there, locks."""
    stamp, (places, licences) = availability.stamp().label("stamp"), about_the_patient
    columns = (VisitTypeRow.__table__, stamp, places.label("places"), licences.label("licences"), LOCKED)
    return Direct(select(*columns).where(VisitTypeRow.id == bindparam("visit_type_id")))


_patient, _jurisdiction = bindparam("patient_id", type_=Uuid()), bindparam("jurisdiction", type_=String())
FOR_ANYONE = _standing(null(), null())
FOR_PATIENT = _standing(people.whereabouts_json(_patient), people.licences_json(_patient))
IN_JURISDICTION = _standing(null(), people.licences_json_in(_jurisdiction))


async def stand(unit: Unit, asked: Asked, *, start: int = 0, keys: Sequence[int] = ()) -> Ground:
    """One statement, and one more when some hours have changed since this process looked. Raises NotFound.

    `keys`: take these locks, in this order, if they are free and all that the visit will need.
    """
    host = asked.clinician_ids[0] if keys else None
    about: dict[str, Any] = {"visit_type_id": asked.visit_type_id, "keys": list(keys), "host": host, "start": start}
    query = FOR_ANYONE
    if asked.jurisdiction is not None:
        query, about["jurisdiction"] = IN_JURISDICTION, asked.jurisdiction
    elif asked.patient_id is not None:
        query, about["patient_id"] = FOR_PATIENT, asked.patient_id
    found = await query.run(unit.session, about)
    if not found:
        raise NotFound
    row = found[0]
    resources = await availability.timetables(unit, row.stamp)
    return Ground(
        asked=asked,
        kind=visit_type_of(row),
        now=to_minute_up(unit.now),
        resources=resources,
        hosts=[] if asked.also and row.seats > 1 else _hosts(resources, asked),  # a session has what it began with
        unverified=availability.unverified(row.stamp),
        is_retired=row.retired_at is not None,
        locked=row.locked,
        whereabouts=people.parse_whereabouts(row.places),
        licences=people.parse_licences(row.licences),
    )


def _hosts(resources: Mapping[UUID, Resource], asked: Asked) -> list[Resource]:
    if asked.clinician_ids:
        named = [resources[each] for each in dict.fromkeys(asked.clinician_ids) if each in resources]
    else:
        named = list(resources.values())
    return [each for each in named if each.kind == CLINICIAN and not each.retired]


async def scene(unit: Unit, ground: Ground, frame: Minutes, hosts: Sequence[Resource] | None = None) -> Scene:
    """Everything that decides about starts in the frame. One statement."""
    asked_of = ground.hosts if hosts is None else hosts
    whole = _whole_days(frame) if ground.kind.first_of_day_only else frame
    seen = await look(unit, ground.asked, ground.kind, resource_ids=ground.needed(asked_of), frame=whole)
    return replace(
        ground.empty_scene(whole, asked_of),
        taken=seen.taken,
        seats=seen.seats,
        own_holds=seen.own_holds,
        stale=seen.stale,
    )


async def _scene_at_a_glance(unit: Unit, ground: Ground, frame: Minutes, hosts: Sequence[Resource]) -> Scene:
    """`scene` for looking only. One statement, cheap where nothing is to be counted."""
    needed = ground.needed(hosts)
    if not ground.is_simple(needed):
        return await scene(unit, ground, frame, hosts)
    whole = _whole_days(frame) if ground.kind.first_of_day_only else frame
    glimpsed = await glance(unit, ground.asked, ground.kind, resource_ids=needed, frame=whole)
    return replace(ground.empty_scene(whole, hosts), glimpsed=glimpsed)


def _whole_days(frame: Minutes) -> Minutes:
    """The frame with the local dates it touches, wherever they are."""
    return Interval(frame.start - 2 * DAY, frame.end + 2 * DAY)


async def search(
    unit: Unit, asked: Asked, span: Interval[datetime], limit: int, *, after: tuple[datetime, int, UUID] | None = None
) -> list[Slot]:
    """The first free times in the span, by (start, rank, clinician), after that place. At most four statements."""
    return await first_slots(unit, _offering(await stand(unit, asked)), span, limit, after=after)


def _offering(ground: Ground) -> Ground:
    """Raises NotFound for a kind of visit that is offered no more."""
    if ground.is_retired:
        raise NotFound
    return ground


async def first_slots(
    unit: Unit, ground: Ground, span: Interval[datetime], limit: int, *, after: tuple[datetime, int, UUID] | None = None
) -> list[Slot]:
    """`search` from where one stands already. At most two statements."""
    found: list[Slot] = []
    for piece, hosts in ground.pieces(ground.bookable(span.start, span.end), limit):
        asked_now = await _scene_at_a_glance(unit, ground, piece, hosts)
        for host in hosts:  # of one clinician the first few are enough
            ahead = (slot for slot in _slots(asked_now, host, piece) if after is None or slot.order > after)
            found += islice(ahead, limit)
        if len(found) >= limit:
            break
    return sorted(found, key=lambda slot: slot.order)[:limit]


def _slots(asked: Scene, host: Resource, piece: Minutes) -> Iterator[Slot]:
    """One clinician's, earliest first."""
    kind, judgement = asked.kind, Judgement(asked, host)
    for at in minutes.in_order(judgement.starts & _inside(asked, piece)):
        start = asked.frame.start + at
        _, left = judgement.open_sessions.get(at, (None, kind.seats))
        yield Slot(
            start=to_instant(start),
            rank=crc32(host.id.bytes, start // DAY),
            clinician_id=ClinicianId(host.id),
            end=to_instant(start + kind.minutes),
            seats_left=left,
        )


def _inside(asked: Scene, piece: Minutes) -> int:
    return minutes.between(piece.start - asked.frame.start, piece.end - asked.frame.start, asked.length)


async def free_minutes(unit: Unit, asked: Asked, span: Interval[datetime]) -> tuple[Minutes, dict[ClinicianId, int]]:
    """Every free start of each clinician in the span as a set of minutes, bit 0 being the start of the frame given.

    A bit for each minute: two years of a clinician take 130 kB, listed instants would take many times that. At most
    three statements.
    """
    ground, piece, seen = await free_scene(unit, asked, span)
    return piece if seen is None else seen.frame, free_in(ground, piece, seen)


async def free_scene(unit: Unit, asked: Asked, span: Interval[datetime]) -> tuple[Ground, Minutes, Scene | None]:
    """All that `free_minutes` reads: the bookable part of the span and what is busy there; None where nothing is."""
    ground = _offering(await stand(unit, asked))
    piece = ground.bookable(span.start, span.end)
    if piece.start >= piece.end:
        return ground, piece, None
    return ground, piece, await _scene_at_a_glance(unit, ground, piece, ground.hosts)


def free_in(ground: Ground, piece: Minutes, seen: Scene | None) -> dict[ClinicianId, int]:
    """All that `free_minutes` computes. Pure."""
    if seen is None:
        return {}
    inside = _inside(seen, piece)
    return {ClinicianId(host.id): Judgement(seen, host).starts & inside for host in ground.hosts}


async def free_starts(unit: Unit, asked: Asked, span: Interval[datetime]) -> dict[ClinicianId, list[datetime]]:
    """`free_minutes` as instants, in order: for spans that are short, or few clinicians."""
    frame, free = await free_minutes(unit, asked, span)
    return {each: [to_instant(frame.start + at) for at in minutes.minutes_of(bits)] for each, bits in free.items()}


async def day_counts(unit: Unit, asked: Asked, span: Interval[datetime], zone: str) -> dict[date, int]:
    """How many slots begin on each local date of that zone; dates without any are absent. At most three statements."""
    frame, free = await free_minutes(unit, asked, span)
    counts: dict[date, int] = {}
    if not free:
        return counts
    for day in range(frame.start // DAY - 2, frame.end // DAY + 2):
        pairs = [(each.span.start - frame.start, each.span.end - frame.start) for each in segments(zone, day)]
        today = minutes.covered(pairs, frame.end - frame.start)
        if count := sum((bits & today).bit_count() for bits in free.values()):
            counts[date.fromordinal(day + EPOCH_DAY)] = count
    return counts


async def explain(unit: Unit, asked: Asked, start: datetime) -> Reason:
    """Why a visit can or cannot begin at `start`; with several clinicians, what the most willing of them says."""
    ground = await stand(unit, asked)
    if start.second or start.microsecond:
        return Reason.NOT_OFFERED
    if beyond := ground.out_of_reach(to_minute(start)):
        return beyond
    return kindest(await judge(unit, ground, to_minute(start)), to_minute(start))


async def judge(unit: Unit, ground: Ground, start: int) -> list[Judgement]:
    """What each clinician's calendar says about one start. One statement."""
    seen = await scene(unit, ground, Interval(start, start + 1))
    return [Judgement(seen, host) for host in ground.hosts]


KINDNESS = tuple(reversed(Reason))


def kindest(judgements: Sequence[Judgement], start: int) -> Reason:
    """The reason nearest to yes: the one that comes last in the order in which reasons are asked."""
    reasons = [each.explain(start) for each in judgements]
    if Reason.OK in reasons:
        return Reason.OK
    return min(reasons, key=KINDNESS.index, default=Reason.NOT_OFFERED)

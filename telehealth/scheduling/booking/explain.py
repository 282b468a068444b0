"""Why a visit can or cannot begin at a time. Search, holding, booking, moving and the waitlist all ask here. Pure.

Each reason is a set of starts that pass it, so that one look answers for a single start and for a whole month alike:
what is offered is what no reason excludes, and what is refused has the first reason that excludes it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import NamedTuple
from uuid import UUID

from telehealth.core import minutes
from telehealth.core.intervals import Interval
from telehealth.scheduling.availability.rules import DAY, Resource
from telehealth.scheduling.booking.offered import Offer, instants_of, local_day, offers, present
from telehealth.scheduling.booking.rules import (
    OVERBOOKED_LAYER,
    Audience,
    Minutes,
    Reason,
    RoleNeed,
    VisitType,
    extras_allowed,
)

CLOSING = frozenset({"block", "external"})  # nothing goes beside these, whatever the capacity


class Taken(NamedTuple):
    """One row of busy time: [s, e) in minutes, buffers inside; the visit itself begins at `start`."""

    s: int
    e: int
    kind: str = "visit"
    owner_id: UUID | None = None
    layer: int = 0
    role: str = "host"
    visit_type_id: UUID | None = None
    start: int | None = None
    risk: int = 0


@dataclass(frozen=True, slots=True)
class Licensing:
    """Where the patient's location is known, and for each clinician where they are licensed there."""

    known: Sequence[Minutes] = ()
    allowed: Mapping[UUID, Sequence[Minutes]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that decides about starts in `frame` for one visit type and one patient, or any patient.

    `now` is rounded up to a minute, so that no start offered lies in the past. `seats` has the taken seats of each
    group session, `own_holds` are the patient's with what each takes, and `stale` says that holds past their time are
    still in the table. `glimpsed` has mere [s, e) pairs instead of `taken` where no more is needed: for those who take
    one visit at a time. `booking` asks for the patient's location, which a search does not need yet.
    """

    kind: VisitType
    frame: Minutes
    now: int
    resources: Mapping[UUID, Resource]
    taken: Mapping[UUID, Sequence[Taken]] = field(default_factory=dict)
    glimpsed: Mapping[UUID, Sequence[minutes.Pair]] = field(default_factory=dict)
    patient_id: UUID | None = None
    also: tuple[UUID, ...] = ()
    audience: Audience = Audience.PATIENT
    booking: bool = False
    unverified: Collection[UUID] = ()
    seats: Mapping[UUID, frozenset[int]] = field(default_factory=dict)
    own_holds: Mapping[UUID, Minutes] = field(default_factory=dict)
    stale: bool = False
    licensing: Licensing = field(default_factory=Licensing)

    @property
    def length(self) -> int:
        return self.frame.end - self.frame.start

    @cached_property
    def everything(self) -> int:
        return minutes.filled(self.length)

    @cached_property
    def patient_free(self) -> int:
        return self.everything & ~_blocked(self, self.patient_id, 1) if self.patient_id else self.everything

    @cached_property
    def in_time(self) -> int:
        """Starts that are not too soon. The notice is inclusive and counts elapsed minutes."""
        notice = self.kind.notice if self.audience is Audience.PATIENT else 0
        return minutes.between(self.now + notice - self.frame.start, self.length, self.length)

    def is_known(self, resource_id: UUID) -> bool:
        """Whether outside busy time could be read; staff may see those of whom it could not."""
        return self.audience is Audience.STAFF or resource_id not in self.unverified

    def free(self, resource_id: UUID) -> int:
        """Starts for which someone or something beside the clinician is there and not busy."""
        resource = self.resources.get(resource_id)
        if resource is None or resource.retired or not self.is_known(resource_id):
            return 0
        return present(resource, self.kind, self.frame) & ~_blocked(self, resource_id, resource.capacity)

    @cached_property
    def together(self) -> int:
        """Starts for which all of `also` are free."""
        found = self.everything
        for each in self.also:
            found &= self.free(each)
        return found

    @cached_property
    def role_members(self) -> Mapping[RoleNeed, Mapping[UUID, int]]:
        """For each role the free starts of everyone who could fill it."""
        return {
            need: {each.id: self.free(each.id) for each in candidates(self.resources.values(), need, self.also)}
            for need in self.kind.roles
        }


def candidates(resources: Collection[Resource], need: RoleNeed, also: Collection[UUID] = ()) -> list[Resource]:
    """Who could fill a role, in the order of their ids."""
    fitting = [
        each
        for each in resources
        if each.kind == need.kind
        and not each.retired
        and each.id not in also
        and (not need.pool or need.pool in each.pools)
        and (not need.skill or need.skill in each.skills)
    ]
    return sorted(fitting, key=lambda each: each.id)


@dataclass(frozen=True)
class Judgement:
    """What is said of every start with one clinician. A start passes a reason when its bit is set there."""

    scene: Scene
    host: Resource

    def explain(self, start: int) -> Reason:
        """The first reason that excludes the start, or ok."""
        return next(iter(self.reasons(start)), Reason.OK)

    def reasons(self, start: int) -> Iterator[Reason]:
        """Everything that excludes the start, the plainest first."""
        bit = 1 << (start - self.scene.frame.start)
        for reason, passing in self.passing:
            if not passing & bit:
                yield reason

    @cached_property
    def starts(self) -> int:
        """The starts that nothing excludes."""
        found = self.scene.everything
        for _, passing in self.passing:
            found &= passing
        return found

    @cached_property
    def passing(self) -> tuple[tuple[Reason, int], ...]:
        scene = self.scene
        joinable = minutes.any_of(1 << at for at in self.open_sessions)
        found = [
            (Reason.TOO_SOON, scene.in_time),
            (Reason.TOO_FAR, self._near()),
            (Reason.NOT_OFFERED, minutes.any_of(each.bits for each in self._offers) | joinable),
            *self._licensed(),
            *self._verified(),
            *self._not_full(),
            (Reason.SLOT_TAKEN, self._free() | joinable),
            *((reason, passing | joinable) for reason, passing in self._counted()),
            (Reason.PATIENT_CONFLICT, scene.patient_free),
        ]
        if scene.kind.first_of_day_only:
            found.append((Reason.NOT_OFFERED, self._first_of_day(found)))
        return tuple(found)

    @property
    def _rows(self) -> Sequence[Taken]:
        return self.scene.taken.get(self.host.id, ())

    def _near(self) -> int:
        """Starts on the local dates within the horizon, today being the clinician's."""
        if self.scene.frame.end <= self.scene.now + (self.scene.kind.horizon_days - 1) * DAY:
            return self.scene.everything  # wherever midnight is
        last = local_day(self.host, self.scene.now) + self.scene.kind.horizon_days
        days = (instants_of(self.host, day) for day in (last, last - 1))  # a date may be left out
        end = next(spans[-1].end for spans in days if spans)
        return minutes.between(0, end - self.scene.frame.start, self.scene.length)

    @cached_property
    def _offers(self) -> list[Offer]:
        found = []
        for each in offers(self.host, self.scene.kind, self.scene.frame):
            until = self.scene.length
            if each.release is not None:
                until = self.scene.now + each.release - self.scene.frame.start + 1
            found.append(Offer(each.capacity, each.release, each.bits & minutes.between(0, until, self.scene.length)))
        return found

    def capacity_at(self, start: int) -> int:
        """How many visits the hours have room for at once."""
        at = start - self.scene.frame.start
        return max((each.capacity for each in self._offers if each.bits >> at & 1), default=self.host.capacity)

    def _verified(self) -> Iterator[tuple[Reason, int]]:
        if not self.scene.is_known(self.host.id):
            yield Reason.CALENDAR_UNVERIFIED, 0

    def _licensed(self) -> Iterator[tuple[Reason, int]]:
        scene = self.scene
        if not scene.kind.needs_licence:
            return
        known = _within(scene.frame, scene.licensing.known)
        if scene.booking:
            yield Reason.LOCATION_REQUIRED, known
        allowed = _within(scene.frame, scene.licensing.allowed.get(self.host.id, ()))
        yield Reason.JURISDICTION, allowed | (scene.everything & ~known)

    def _free(self) -> int:
        scene, usual = self.scene, self.host.capacity
        free = scene.everything & ~_blocked(scene, self.host.id, usual)
        for capacity in {each.capacity for each in self._offers} - {usual}:
            special = minutes.any_of(each.bits for each in self._offers if each.capacity == capacity)
            free = free & ~special | special & ~_blocked(scene, self.host.id, capacity)
        return free | self._extras() if scene.kind.overbook_limit and scene.audience is Audience.STAFF else free

    def is_free(self, start: int) -> bool:
        """Whether there is room for one visit more, or a group session that this visit would join."""
        at = start - self.scene.frame.start
        blocked = _blocked(self.scene, self.host.id, self.capacity_at(start))
        return at in self.open_sessions or not blocked >> at & 1

    def _extras(self) -> int:
        """Starts of booked visits over which the no-show rule allows another; never two at one time."""
        scene, found = self.scene, 0
        booked = [row for row in self._rows if row.role == "host" and row.kind == "visit" and row.start is not None]
        for day in {local_day(self.host, row.start or 0) for row in booked}:
            same = [row for row in booked if local_day(self.host, row.start or 0) == day]
            extras = [row for row in same if row.layer >= OVERBOOKED_LAYER]
            risks = [row.risk for row in same if row.layer < OVERBOOKED_LAYER]
            if extras_allowed(scene.kind, risks, len(extras)):
                doubled = {row.start for row in extras}
                places = {row.start for row in same if row.start is not None} - doubled
                found |= minutes.any_of(minutes.between(at, at + 1, scene.length) for at in self._in_frame(places))
        return found

    def _in_frame(self, starts: Collection[int | None]) -> Iterator[int]:
        return (start - self.scene.frame.start for start in starts if start is not None)

    def _counted(self) -> Iterator[tuple[Reason, int]]:
        kind = self.scene.kind
        if kind.cap_per_day:
            yield Reason.DAILY_CAP, self._below(kind.cap_per_day, 1, 0)
        if kind.cap_per_week:
            yield Reason.WEEKLY_CAP, self._below(kind.cap_per_week, 7, 3)  # day 0 was a Thursday; weeks begin on Monday
        if kind.roles or self.scene.also:
            yield Reason.RESOURCE_TAKEN, self._roles_filled()

    def _below(self, cap: int, days: int, phase: int) -> int:
        """Starts in a stretch of local dates that has fewer visits of this type than the cap."""
        kind_id = self.scene.kind.id
        visits = {  # one that changes its place has several rows
            (row.owner_id, row.start)
            for row in self._rows
            if row.role == "host" and row.visit_type_id == kind_id and row.start is not None
        }
        counts = Counter((local_day(self.host, start) + phase) // days for _, start in visits)
        full = [number for number, count in counts.items() if count >= cap]
        closed = [day for number in full for day in range(number * days - phase, (number + 1) * days - phase)]
        spans = [each for day in closed for each in instants_of(self.host, day)]
        return self.scene.everything & ~_within(self.scene.frame, spans)

    def _roles_filled(self) -> int:
        found = self.scene.together
        for needs in _sharing(self.scene.kind.roles):
            members = {each: bits for need in needs for each, bits in self.scene.role_members[need].items()}
            members.pop(self.host.id, None)
            found &= minutes.at_least(list(members.values()), sum(need.count for need in needs))
        return found

    @property
    def _sessions(self) -> set[tuple[int, UUID]]:
        """Start and session of the group visits of this type within the frame; two may begin at one time."""
        if self.scene.kind.seats == 1:
            return set()
        return {
            (row.start - self.scene.frame.start, row.owner_id)
            for row in self._rows
            if row.role == "host"
            and row.visit_type_id == self.scene.kind.id
            and row.start is not None
            and row.owner_id is not None
            and self.scene.frame.start <= row.start < self.scene.frame.end
        }

    @cached_property
    def open_sessions(self) -> Mapping[int, tuple[UUID, int]]:
        """Minute of the frame to a group session with seats left, and how many."""
        seats = ((at, each, self.scene.kind.seats - len(self.scene.seats.get(each, ()))) for at, each in self._sessions)
        return {at: (each, left) for at, each, left in sorted(seats) if left > 0}

    def _not_full(self) -> Iterator[tuple[Reason, int]]:
        if full := minutes.any_of(1 << at for at in {at for at, _ in self._sessions} - self.open_sessions.keys()):
            yield Reason.SESSION_FULL, self.scene.everything & ~full

    def _first_of_day(self, passing: Sequence[tuple[Reason, int]]) -> int:
        """Only the first start of each local date that nothing else excludes. The frame holds whole local dates."""
        free, found = self.scene.everything, 0
        for _, each in passing:
            free &= each
        first, last = (local_day(self.host, at) for at in (self.scene.frame.start, self.scene.frame.end))
        for day in range(first, last + 1):
            today = free & _within(self.scene.frame, instants_of(self.host, day))
            found |= today & -today
        return found


def _sharing(roles: Sequence[RoleNeed]) -> Iterator[Sequence[RoleNeed]]:
    """Every choice of roles of one kind. When each choice has enough members between them, all can be filled (Hall)."""
    for kind in {need.kind for need in roles}:
        same = [need for need in roles if need.kind == kind]
        for size in range(1, len(same) + 1):
            yield from combinations(same, size)


def _within(frame: Minutes, spans: Sequence[Minutes]) -> int:
    pairs = ((each.start - frame.start, each.end - frame.start) for each in spans)
    return minutes.covered(pairs, frame.end - frame.start)


def _blocked(scene: Scene, resource_id: UUID, capacity: int) -> int:
    """Starts whose occupied range would meet `capacity` others at once, or something that closes altogether."""
    kind, origin, rows = scene.kind, scene.frame.start, scene.taken.get(resource_id, ())
    if capacity == 1:
        pairs = scene.glimpsed.get(resource_id) or [row[:2] for row in rows]
        if not pairs:
            return 0
        before, after = kind.minutes + kind.buffer_after - 1 + origin, kind.buffer_before - origin
        return minutes.covered([(start - before, end + after) for start, end in pairs], scene.length)
    need = kind.buffer_before + kind.minutes + kind.buffer_after
    around = Interval(origin - kind.buffer_before, scene.frame.end + kind.minutes + kind.buffer_after)
    layers: dict[int, list[Minutes]] = {}
    for row in rows:
        layers.setdefault(-1 if row.kind in CLOSING else row.layer, []).append(Interval(row.s, row.e))
    closed = _within(around, layers.pop(-1, []))
    full = closed | minutes.at_least([_within(around, spans) for spans in layers.values()], capacity)
    open_minutes = minutes.filled(around.end - around.start) & ~full
    return scene.everything & ~minutes.fits(open_minutes, need)

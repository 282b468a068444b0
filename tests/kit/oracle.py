"""What may be booked, read off the conventions one minute at a time: plain sets and loops, no code of the engine's.

It is slow and says what is right: hours by the membership rule, occupied ranges with their buffers, the grid on the
local clock, an inclusive notice, the horizon and the caps by local dates, roles filled by different people.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from itertools import product
from uuid import UUID
from zoneinfo import ZoneInfo

from telehealth.scheduling.availability.rules import DAY, EPOCH, Resource, Rule, TimeOff
from telehealth.scheduling.booking.explain import Taken
from telehealth.scheduling.booking.rules import Audience, Minutes, Reason, RoleNeed, VisitType

CLOSING = ("block", "external")


@dataclass(frozen=True, kw_only=True)
class Oracle:
    """One clinician, one kind of visit, one patient or any; `seats` has the taken seats of each session."""

    host: Resource
    kind: VisitType
    now: int
    resources: Mapping[UUID, Resource]
    taken: Mapping[UUID, Sequence[Taken]]
    patient_id: UUID | None = None
    also: tuple[UUID, ...] = ()
    audience: Audience = Audience.PATIENT
    unverified: frozenset[UUID] = frozenset()
    seats: Mapping[UUID, frozenset[int]] = field(default_factory=dict)
    known: Sequence[Minutes] | None = None
    allowed: Sequence[Minutes] = ()
    booking: bool = False
    memory: dict[tuple[UUID, int], list[tuple[int, Rule]]] = field(default_factory=dict)
    answers: dict[int, Reason] = field(default_factory=dict)

    def reason(self, start: int) -> Reason:
        """The first thing that stands against a start."""
        reason = self._plain_reason(start)
        is_later = reason is Reason.OK and self.kind.first_of_day_only and not self._is_first(start)
        return Reason.NOT_OFFERED if is_later else reason

    def _plain_reason(self, start: int) -> Reason:
        if start not in self.answers:
            failing = (reason for reason, passes in self._questions if not passes(start))
            self.answers[start] = next(failing, Reason.OK)
        return self.answers[start]

    @cached_property
    def _questions(self) -> list[tuple[Reason, Callable[[int], bool]]]:
        unless_joining = self._unless_joining
        licence = [(Reason.JURISDICTION, self._is_licensed)] if self.kind.needs_licence else []
        if self.kind.needs_licence and self.booking:
            licence.insert(0, (Reason.LOCATION_REQUIRED, self._is_located))
        return [
            (Reason.TOO_SOON, self._is_in_time),
            (Reason.TOO_FAR, self._is_near),
            (Reason.NOT_OFFERED, unless_joining(self._is_offered)),
            *licence,
            (Reason.CALENDAR_UNVERIFIED, self._is_verified),
            (Reason.SESSION_FULL, lambda start: not self._sessions(start) or self._joins(start)),
            (Reason.SLOT_TAKEN, unless_joining(lambda start: self._is_free(self.host.id, self.host.capacity, start))),
            (Reason.DAILY_CAP, unless_joining(self._is_below_daily)),
            (Reason.WEEKLY_CAP, unless_joining(self._is_below_weekly)),
            (Reason.RESOURCE_TAKEN, unless_joining(self._is_complete)),
            (
                Reason.PATIENT_CONFLICT,
                lambda start: self.patient_id is None or self._is_free(self.patient_id, 1, start),
            ),
        ]

    def _unless_joining(self, passes: Callable[[int], bool]) -> Callable[[int], bool]:
        return lambda start: self._joins(start) or passes(start)

    # Time

    def _is_in_time(self, start: int) -> bool:
        return start >= self.now + (self.kind.notice if self.audience is Audience.PATIENT else 0)

    def _is_near(self, start: int) -> bool:
        return local_date(self.host, start) <= local_date(self.host, self.now) + timedelta(self.kind.horizon_days)

    def _is_offered(self, start: int) -> bool:
        before, after = (self.kind.buffer_before, self.kind.buffer_after) if self.kind.buffers_inside_hours else (0, 0)
        needed = range(start - before, start + self.kind.minutes + after)
        return self._is_on_grid(start) and all(self._is_open(self.host, each, start) for each in needed)

    def _is_on_grid(self, start: int) -> bool:
        if self.kind.grid_tz:
            local = (EPOCH + timedelta(minutes=start)).astimezone(ZoneInfo(self.kind.grid_tz))
            readings = [local.hour * 60 + local.minute]
        else:
            readings = [reading for reading, _ in self._windows(self.host, start)]
        return any(each % self.kind.grid == self.kind.offset for each in readings)

    def _is_open(self, resource: Resource, minute: int, start: int | None) -> bool:
        if any(self.kind.id in each.only and is_away(resource, each, minute) for each in resource.time_off):
            return False
        return any(self._is_for_us(rule, start) for _, rule in self._windows(resource, minute))

    def _is_for_us(self, rule: Rule, start: int | None) -> bool:
        if not rule.only or self.kind.id in rule.only:
            return True
        return start is not None and rule.release_before is not None and start - self.now <= rule.release_before

    def _windows(self, resource: Resource, minute: int) -> list[tuple[int, Rule]]:
        """The windows the minute is in, and what the clock says in each of them."""
        key = resource.id, minute
        if key not in self.memory:
            self.memory[key] = [] if is_closed(resource, minute) else list(windows_at(resource, minute))
        return self.memory[key]

    # Busy time

    def _is_free(self, resource_id: UUID, capacity: int, start: int) -> bool:
        rows = self.taken.get(resource_id, ())
        return all(has_room(rows, capacity, minute) for minute in self._occupied(start))

    def _occupied(self, start: int) -> range:
        return range(start - self.kind.buffer_before, start + self.kind.minutes + self.kind.buffer_after)

    def _is_there(self, resource_id: UUID, start: int) -> bool:
        resource = self.resources.get(resource_id)
        if resource is None or resource.retired or not self._is_known(resource_id):
            return False
        needed = self._occupied(start) if self.kind.buffers_inside_hours else range(start, start + self.kind.minutes)
        is_open = all(self._is_open(resource, each, None) for each in needed)
        return is_open and self._is_free(resource_id, resource.capacity, start)

    def _is_complete(self, start: int) -> bool:
        """Everything named is free, and different free members fill the roles."""
        if not all(self._is_there(each, start) for each in self.also):
            return False
        busy = {self.host.id, *self.also}
        free = [each for each in self.resources if each not in busy and self._is_there(each, start)]
        places = [need for need in self.kind.roles for _ in range(need.count)]
        choices = [[each for each in free if fills(self.resources[each], need)] for need in places]
        return any(len(set(chosen)) == len(places) for chosen in product(*choices))

    def _is_known(self, resource_id: UUID) -> bool:
        return self.audience is Audience.STAFF or resource_id not in self.unverified

    def _is_verified(self, start: int) -> bool:
        del start
        return self._is_known(self.host.id)

    # Counting

    def _is_below_daily(self, start: int) -> bool:
        today = local_date(self.host, start)
        same = {each for each in self._visits if local_date(self.host, each[1]) == today}
        return not self.kind.cap_per_day or len(same) < self.kind.cap_per_day

    def _is_below_weekly(self, start: int) -> bool:
        week = local_date(self.host, start).isocalendar()[:2]
        same = {each for each in self._visits if local_date(self.host, each[1]).isocalendar()[:2] == week}
        return not self.kind.cap_per_week or len(same) < self.kind.cap_per_week

    @cached_property
    def _visits(self) -> set[tuple[UUID | None, int]]:
        rows = self.taken.get(self.host.id, ())
        return {
            (row.owner_id, row.start)
            for row in rows
            if row.role == "host" and row.visit_type_id == self.kind.id and row.start is not None
        }

    # The rest

    def _is_located(self, start: int) -> bool:
        return any(each.start <= start < each.end for each in self.known or ())

    def _is_licensed(self, start: int) -> bool:
        return not self._is_located(start) or any(each.start <= start < each.end for each in self.allowed)

    def _sessions(self, start: int) -> set[UUID]:
        found = {owner for owner, begins in self._visits if begins == start and owner}
        return found if self.kind.seats > 1 else set()

    def _joins(self, start: int) -> bool:
        return any(len(self.seats.get(each, ())) < self.kind.seats for each in self._sessions(start))

    def _is_first(self, start: int) -> bool:
        today = local_date(self.host, start)
        earlier = (each for each in range(start - 1, start - 2 * DAY, -1) if local_date(self.host, each) == today)
        return all(self._plain_reason(each) is not Reason.OK for each in earlier)


def local_date(resource: Resource, minute: int) -> date:
    return (EPOCH + timedelta(minutes=minute)).astimezone(ZoneInfo(resource.time_zone)).date()


def windows_at(resource: Resource, minute: int) -> Iterator[tuple[int, Rule]]:
    """Every window in which the local reading of this instant lies, on whatever date it has where the resource is."""
    instant = EPOCH + timedelta(minutes=minute)
    for shift in (-1, 0, 1):
        day = instant.date() + timedelta(days=shift)
        local = instant.astimezone(ZoneInfo(zone_of(resource, day)))
        reading = local.hour * 60 + local.minute
        if local.date() == day:
            yield from ((reading, rule) for rule, window in windows_of(resource, day) if reading in window)


def windows_of(resource: Resource, day: date) -> Iterator[tuple[Rule, range]]:
    """The windows of a local date: those that begin on it, and the end of the last night."""
    override = next((each for each in resource.overrides if each.day == day), None)
    if override is not None:
        yield from ((rule, range(rule.start, rule.end)) for rule in _as_rules(resource, day))
        return
    if day in resource.holidays:
        return
    yield from ((rule, range(rule.start, rule.end)) for rule in _weekly(resource, day))
    eve = day - timedelta(days=1)
    for rule in (*_weekly(resource, eve), *_as_rules(resource, eve)):
        yield rule, range(rule.start - DAY, rule.end - DAY)


def _as_rules(resource: Resource, day: date) -> list[Rule]:
    found = [each.windows for each in resource.overrides if each.day == day]
    return [Rule(day.isoweekday(), each.start, each.end) for windows in found for each in windows]


def _weekly(resource: Resource, day: date) -> list[Rule]:
    return [
        rule
        for rule in resource.rules
        if rule.weekday == day.isoweekday() and (rule.valid_from or day) <= day <= (rule.valid_to or day)
    ]


def zone_of(resource: Resource, day: date) -> str:
    return next((each.time_zone for each in resource.travel if each.first <= day <= each.last), resource.time_zone)


def is_closed(resource: Resource, minute: int) -> bool:
    return any(not each.only and is_away(resource, each, minute) for each in resource.time_off)


def is_away(resource: Resource, away: TimeOff, minute: int) -> bool:
    if away.span is not None:
        return away.span.start <= minute < away.span.end
    instant = EPOCH + timedelta(minutes=minute)
    days = (instant.date() + timedelta(days=shift) for shift in (-1, 0, 1))
    return any(
        (away.first or day) <= day <= (away.last or day)
        and instant.astimezone(ZoneInfo(zone_of(resource, day))).date() == day
        for day in days
    )


def has_room(rows: Sequence[Taken], capacity: int, minute: int) -> bool:
    now = [row for row in rows if row.s <= minute < row.e]
    return not any(row.kind in CLOSING for row in now) and len(now) < capacity


def fills(resource: Resource, need: RoleNeed) -> bool:
    fits = (not need.pool or need.pool in resource.pools) and (not need.skill or need.skill in resource.skills)
    return resource.kind == need.kind and fits

"""Who gives a visit, with whom and what: chosen before the locks, looked at again behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.rules import EPOCH, Resource, to_minute
from telehealth.scheduling.booking import queries, rows
from telehealth.scheduling.booking.explain import Judgement, Scene
from telehealth.scheduling.booking.queries import Ground
from telehealth.scheduling.booking.rows import Part, placed
from telehealth.scheduling.booking.rules import (
    OVERRIDABLE,
    REFUSALS,
    Minutes,
    NotAvailable,
    NotOffered,
    Reason,
    ResourceTaken,
    Wanted,
    check_company,
)

ALTERNATIVES = 5
ALTERNATIVES_BEFORE, ALTERNATIVES_WITHIN = timedelta(hours=12), timedelta(days=28)
Load = Mapping[UUID, tuple[int, str]]


@dataclass(slots=True)
class Plan:
    """A clinician and everybody and everything beside them, for one start."""

    judgement: Judgement
    start: int
    parts: tuple[Part, ...]
    overbooked: bool

    @property
    def scene(self) -> Scene:
        return self.judgement.scene

    @property
    def host(self) -> Resource:
        return self.judgement.host

    @property
    def resources(self) -> tuple[UUID, ...]:
        return tuple(part.resource_id for part in self.parts)

    @property
    def session_id(self) -> UUID | None:
        """The group session that is there already, with a seat left."""
        found = self.judgement.open_sessions.get(self.start - self.scene.frame.start)
        return None if found is None else found[0]

    @property
    def free_seat(self) -> int:
        session = self.session_id
        taken = self.scene.seats.get(session, frozenset()) if session else frozenset()
        return next(number for number in range(self.scene.kind.seats) if number not in taken)

    def places(self, span: Minutes) -> list[tuple[Part, Minutes, int]]:
        return [each for part in self.parts for each in placed(part, span, self.scene.taken.get(part.resource_id, ()))]


async def made(unit: Unit, ground: Ground, wanted: Wanted) -> Plan:
    """The best plan there is now. Raises a SlotRefused with alternatives when there is none."""
    start = to_minute(wanted.start)
    if (wanted.start - EPOCH) % timedelta(minutes=1):
        raise NotOffered(alternatives=await _alternatives(unit, ground, wanted))
    check_company(ground.kind, wanted.also)
    if beyond := ground.out_of_reach(start):
        raise REFUSALS[beyond](alternatives=await _alternatives(unit, ground, wanted))
    judgements = await queries.judge(unit, ground, start)
    aside = _set_aside(ground, wanted, start)
    fitting = {each.host.id: (each, set(each.reasons(start))) for each in judgements}
    possible = {host: len(found) for host, (_, found) in fitting.items() if found <= aside}
    if not possible:
        raise await _refusal(unit, ground, wanted, judgements)
    easiest = [host for host, count in possible.items() if count == min(possible.values())]
    choices = len(easiest) > 1 or ground.kind.roles
    load = await rows.loads(unit, ground.needed([fitting[host][0].host for host in easiest])) if choices else {}
    judgement, reasons = fitting[_least(easiest, load)]
    parts = _parts(judgement, start, load, overbooked=_is_over(judgement, start, reasons))
    return Plan(judgement, start, parts, parts[0].overbooked)


async def still_holds(unit: Unit, ground: Ground, wanted: Wanted, plan: Plan) -> bool:
    """Behind the locks: whether everyone in the plan is still free. The plan then stands on what was seen now."""
    start = plan.start
    seen = await queries.scene(unit, ground, Interval(start, start + 1), [plan.host])
    judgement = Judgement(seen, plan.host)
    reasons = set(judgement.reasons(start))
    if not reasons <= _set_aside(ground, wanted, start):
        return False
    chosen = {part.resource_id for part in plan.parts}
    bit = 1 << (start - seen.frame.start)
    members = [(each, bits) for found in seen.role_members.values() for each, bits in found.items()]
    if plan.session_id is None and any(each in chosen and not bits & bit for each, bits in members):
        return False
    over = _is_over(judgement, start, reasons)
    plan.judgement, plan.overbooked = judgement, over
    plan.parts = (Part(plan.host.id, "host", judgement.capacity_at(start), over), *plan.parts[1:])
    return True


def _set_aside(ground: Ground, wanted: Wanted, start: int) -> frozenset[Reason]:
    """The reasons that do not count: staff may override most, but nobody books the past."""
    return OVERRIDABLE if wanted.override and start >= ground.now else frozenset()


def _is_over(judgement: Judgement, start: int, reasons: set[Reason]) -> bool:
    """Whether the visit goes over another: by override, or by the no-show rule."""
    return Reason.SLOT_TAKEN in reasons or not judgement.is_free(start)


def _least(hosts: Sequence[UUID], load: Load) -> UUID:
    """The one with the fewest visits, then the one whose last was given longest ago, then by id."""
    return min(hosts, key=lambda each: (*load.get(each, (0, "")), each))


def _parts(judgement: Judgement, start: int, load: Load, *, overbooked: bool) -> tuple[Part, ...]:
    seen, host = judgement.scene, judgement.host
    bit = 1 << (start - seen.frame.start)
    named = [each for each in dict.fromkeys(seen.also) if each in seen.resources and each != host.id]
    choices = [
        sorted(
            (each for each, bits in seen.role_members[need].items() if bits & bit and each != host.id),
            key=lambda each: (*load.get(each, (0, "")), each),
        )
        for need in seen.kind.roles
        for _ in range(need.count)
    ]
    others = [Part(each, "resource", seen.resources[each].capacity) for each in (*named, *_filled(choices))]
    return Part(host.id, "host", judgement.capacity_at(start), overbooked), *others


def _filled(choices: Sequence[Sequence[UUID]]) -> list[UUID]:
    """One for each place, a different one for each, the first choice where that leaves enough for the others.

    A place nobody is left for asks those who were given another whether they have another choice (augmenting paths).
    """
    given: dict[UUID, int] = {}

    def give(place: int, asked: set[UUID]) -> bool:
        for each in choices[place]:
            if each not in asked:
                asked.add(each)
                if each not in given or give(given[each], asked):
                    given[each] = place
                    return True
        return False

    for place in range(len(choices)):
        give(place, set())
    return sorted(given, key=given.__getitem__)


async def _refusal(unit: Unit, ground: Ground, wanted: Wanted, judgements: Sequence[Judgement]) -> Exception:
    """What the most willing clinician says; an override is told what it cannot set aside."""
    start = to_minute(wanted.start)
    aside = _set_aside(ground, wanted, start)
    left = [next(each for each in judgement.reasons(start) if each not in aside) for judgement in judgements]
    reason = min(
        left, key=queries.KINDNESS.index, default=Reason.NOT_OFFERED
    )  # an override is told what it cannot help
    alternatives = await _alternatives(unit, ground, wanted)
    if reason is Reason.NOT_OFFERED and wanted.offered:
        return NotAvailable(alternatives=alternatives)
    if reason is Reason.RESOURCE_TAKEN:
        conflicts = _conflicts(judgements[0], start)
        return ResourceTaken(alternatives=alternatives, conflicts=conflicts)
    return REFUSALS[reason](alternatives=alternatives)


def _conflicts(judgement: Judgement, start: int) -> list[str]:
    """The named resources that are not free, and the kinds of resource of which there are not enough."""
    seen = judgement.scene
    bit = 1 << (start - seen.frame.start)
    named = [str(each) for each in seen.also if not seen.free(each) & bit]
    lacking = [
        need.kind
        for need, members in seen.role_members.items()
        if sum(1 for each, bits in members.items() if bits & bit and each != judgement.host.id) < need.count
    ]
    return [*named, *lacking] or sorted({need.kind for need in seen.kind.roles})


async def _alternatives(unit: Unit, ground: Ground, wanted: Wanted) -> list[str]:
    near = min(max(wanted.start, unit.now), unit.now + timedelta(days=ground.kind.horizon_days))
    span = Interval(near - ALTERNATIVES_BEFORE, near + ALTERNATIVES_WITHIN)
    found = await queries.first_slots(unit, ground, span, ALTERNATIVES)
    return [slot.start.isoformat().replace("+00:00", "Z") for slot in found]

"""The engine and a naive reading of the conventions agree on every start, around clock changes, whatever is asked."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.core.minutes import minutes_of
from telehealth.scheduling.availability.rules import DAY, Minutes, Override, Resource, Rule, TimeOff, to_minute
from telehealth.scheduling.booking.explain import Judgement, Licensing, Scene, Taken
from telehealth.scheduling.booking.rules import Audience, Reason, RoleNeed, VisitType
from tests.kit.examples import examples
from tests.kit.oracle import Oracle
from tests.scheduling.test_membership import CHANGE_DAYS, ZONES

HOST, PATIENT, OTHER_TYPE = UUID(int=1), UUID(int=2), VisitTypeId(UUID(int=6))
KIND = VisitTypeId(UUID(int=7))
MEMBERS = tuple(UUID(int=number) for number in range(10, 14))
LOOKED_AT = 12 * 60


@dataclass(frozen=True)
class Case:
    """All that decides, and the stretch of starts that is looked at."""

    scene: dict[str, Any]
    host: Resource
    span: Minutes

    def judgement(self, **changes: Any) -> Judgement:
        """With whole local dates on both sides in the frame, as when only the first of a day is offered."""
        frame = Interval(self.span.start - 2 * DAY, self.span.end + 2 * DAY)
        return Judgement(Scene(**{**self.scene, "frame": frame, **changes}), self.host)

    def starts(self, **changes: Any) -> set[int]:
        found = self.judgement(**changes)
        frame = found.scene.frame
        return {frame.start + at for at in minutes_of(found.starts)} & set(range(self.span.start, self.span.end))

    def oracle(self) -> Oracle:
        scene = dict(self.scene)
        licensing = scene.pop("licensing")
        allowed = licensing.allowed.get(self.host.id, ())
        return Oracle(host=self.host, known=licensing.known, allowed=allowed, **scene)


def long_windows(weekday: int, start: int, length: int) -> Rule:
    return Rule(weekday, start, min(start + length, start + DAY))


rules = st.builds(long_windows, st.integers(1, 7), st.integers(0, DAY - 1), st.integers(60, DAY))
scopes = st.sampled_from([frozenset(), frozenset(), frozenset({KIND}), frozenset({OTHER_TYPE})])
releases = st.sampled_from([None, 0, 120, 600])
own_rules = st.builds(
    lambda rule, only, release: replace(rule, only=only, release_before=release if only else None),
    rules,
    scopes,
    releases,
)
needs = st.builds(
    RoleNeed,
    st.just("interpreter"),
    st.sampled_from(["", "pool"]),
    st.sampled_from(["", "es"]),
    st.integers(1, 2),
)


@st.composite
def kinds(draw: st.DrawFn) -> VisitType:
    grid = draw(st.sampled_from([5, 7, 15, 20, 30, 60, 90]))
    rarely = st.sampled_from([0, 0, 0, 1, 2, 3])
    return VisitType(
        id=KIND,
        code="v",
        name="V",
        minutes=draw(st.integers(5, 75)),
        buffer_before=draw(rarely) * 5,
        buffer_after=draw(rarely) * 7,
        buffers_inside_hours=draw(st.booleans()),
        grid=grid,
        offset=draw(st.integers(0, grid - 1)),
        grid_tz=draw(st.sampled_from(["", "", "", "UTC", "Asia/Kathmandu", "Australia/Lord_Howe"])),
        notice=draw(rarely) * 100,
        horizon_days=draw(st.sampled_from([30, 30, 30, 1, 0])),
        cap_per_day=draw(rarely),
        cap_per_week=draw(rarely),
        seats=draw(st.sampled_from([1, 1, 2])),
        roles=tuple(draw(st.lists(needs, max_size=2)) if draw(rarely) else ()),
        first_of_day_only=draw(st.sampled_from([False, False, False, True])),
        needs_licence=draw(st.sampled_from([False, False, True])),
    )


@st.composite
def timetables(draw: st.DrawFn, /, own_id: UUID, zone: str, day: date, **parts: Any) -> Resource:
    dates = st.integers(-2, 2).map(lambda shift: day + timedelta(days=shift))
    few_dates: st.SearchStrategy[list[date]] = st.one_of(
        st.just([]), st.just([]), st.just([]), st.lists(dates, max_size=1)
    )
    midnight = to_minute(datetime.combine(day, time(), UTC))
    spans = st.builds(
        lambda at, long: Interval(midnight + at, midnight + at + long), st.integers(-DAY, DAY), st.integers(1, 300)
    )
    often = st.sampled_from([False, False, False, True])
    override = st.builds(
        Override, dates, st.lists(rules.map(lambda rule: Interval(rule.start, rule.end)), max_size=1).map(tuple)
    )
    away = draw(st.lists(st.builds(TimeOff, spans, only=scopes), max_size=1))
    away += [TimeOff(None, each, each, draw(scopes)) for each in draw(few_dates)]
    every_day = [Rule(weekday, 6 * 60, 20 * 60) for weekday in range(1, 8)]
    return Resource(
        id=own_id,
        name="",
        time_zone=zone,
        version=1,
        rules=(*draw(st.lists(own_rules, max_size=3)), *(() if draw(often) else every_day)),
        overrides=tuple(draw(st.lists(override, max_size=1)) if draw(often) else ()),
        time_off=tuple(away),
        holidays=frozenset(draw(few_dates)),
        **parts,
    )


@st.composite
def busy_rows(draw: st.DrawFn, capacity: int, near: int, role: str) -> list[Taken]:
    """Rows as booking writes them: ordinary layers up to the capacity, now and then one on top or a closed stretch."""
    rows: list[Taken] = []
    for number in range(draw(st.integers(0, 6))):
        start = near + draw(st.integers(-40, 60)) * 15
        end = start + draw(st.integers(1, 200))
        kind = draw(st.sampled_from(["visit", "visit", "hold", "external"]))
        layers = range(1000, 1001) if kind == "external" else (*range(capacity), 100)
        free = [each for each in layers if not any(row.layer == each and row.s < end and start < row.e for row in rows)]
        if free:
            owner = UUID(int=1000 + number)
            rows.append(Taken(start, end, kind, owner, free[0], role, draw(st.sampled_from([KIND, OTHER_TYPE])), start))
            if draw(st.booleans()) and end - start > 1 and capacity > 1 and kind == "visit":
                middle = (start + end) // 2  # a visit whose place changes under it has two rows
                rows[-1:] = [rows[-1]._replace(e=middle), rows[-1]._replace(s=middle)]
    return rows


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone, day = draw(st.sampled_from(CHANGE_DAYS))
    kind = draw(kinds())
    middle = to_minute(datetime.combine(day, time(), UTC)) + draw(st.integers(-DAY, DAY))
    host = draw(timetables(HOST, zone, day, kind="clinician", capacity=draw(st.sampled_from([1, 1, 2]))))
    others = [
        draw(
            timetables(
                each,
                draw(st.sampled_from(ZONES)),
                day,
                kind="interpreter",
                pools=draw(st.sampled_from([frozenset(), frozenset({"pool"})])),
                skills=draw(st.sampled_from([frozenset(), frozenset({"es"})])),
            )
        )
        for each in (MEMBERS if kind.roles else MEMBERS[:1])
    ]
    resources = {each.id: each for each in (host, *others)}
    taken = {
        each.id: draw(busy_rows(each.capacity, middle, "host" if each is host else "resource"))
        for each in resources.values()
    }
    sessions = [each.owner_id for each in taken[HOST] if each.owner_id]
    stays = [Interval(middle - DAY, middle + 100), Interval(middle + 100, middle + 300)]
    scene = {
        "kind": kind,
        "now": middle - draw(st.integers(0, 300)),
        "resources": resources,
        "taken": {**taken, PATIENT: draw(busy_rows(1, middle, "patient"))},
        "patient_id": draw(st.sampled_from([None, PATIENT])),
        "also": draw(st.sampled_from([*[()] * 5, (MEMBERS[0],), (HOST,), (MEMBERS[0], MEMBERS[0])])),
        "audience": draw(st.sampled_from(list(Audience))),
        "booking": draw(st.booleans()),
        "unverified": draw(st.sampled_from([*[frozenset()] * 5, frozenset({HOST}), frozenset({MEMBERS[0]})])),
        "seats": {each: frozenset(range(draw(st.integers(0, 2)))) for each in sessions},
        "licensing": Licensing(stays, {HOST: stays[:1]}),
    }
    start = middle + draw(st.integers(-400, 600))
    return Case(scene, host, Interval(start, start + LOOKED_AT))


@settings(max_examples=examples(50), deadline=None)
@given(cases())
def test_every_start_has_the_reason_the_conventions_give(case: Case) -> None:
    oracle, judgement = case.oracle(), case.judgement()
    for start in range(case.span.start, case.span.end):
        assert judgement.explain(start) is oracle.reason(start), start
    offered = {start for start in range(case.span.start, case.span.end) if oracle.reason(start) is Reason.OK}
    assert case.starts() == offered


def only_shrinks(kind: VisitType) -> bool:
    """Whether less room can only take starts away: not so where one start's fate opens another's."""
    return not kind.first_of_day_only and kind.seats == 1


@settings(max_examples=examples(30), deadline=None)
@given(cases().filter(lambda case: only_shrinks(case.scene["kind"])), st.integers(1, 60), st.data())
def test_more_busy_time_more_notice_and_longer_visits_add_nothing(case: Case, more: int, data: st.DataObject) -> None:
    starts, kind = case.starts(), case.scene["kind"]
    for changed in (
        replace(kind, notice=kind.notice + more),
        replace(kind, minutes=kind.minutes + more),
        replace(kind, buffer_after=kind.buffer_after + more),
        replace(kind, buffer_before=kind.buffer_before + more),
        replace(kind, horizon_days=max(kind.horizon_days - more, 0)),
        replace(kind, roles=(*kind.roles, RoleNeed("interpreter"))),
    ):
        assert case.starts(kind=changed) <= starts
    for each in (HOST, PATIENT, MEMBERS[0]):
        at = case.span.start + data.draw(st.integers(0, LOOKED_AT))
        closed = [*case.scene["taken"].get(each, ()), Taken(at, at + more, "external", layer=1001)]
        assert case.starts(taken={**case.scene["taken"], each: closed}) <= starts


@settings(max_examples=examples(30), deadline=None)
@given(cases().filter(lambda case: case.scene["kind"].seats == 1 and not case.scene["kind"].first_of_day_only))
def test_all_of_is_the_intersection_of_who_is_free(case: Case) -> None:
    alone = case.starts(also=())
    colleague = case.scene["resources"][MEMBERS[0]]
    free = case.judgement().scene.free(colleague.id)
    there = {start for start in alone if free >> (start - case.span.start + 2 * DAY) & 1}
    if not case.scene["kind"].roles:
        assert case.starts(also=(colleague.id,)) == alone & there
    assert case.starts(also=(HOST,)) == alone


@settings(max_examples=examples(30), deadline=None)
@given(cases(), st.integers(1, 700))
def test_a_start_has_one_answer_whatever_is_asked_around_it(case: Case, shift: int) -> None:
    """A search of a month and the look before a booking are the same question."""
    if case.scene["kind"].first_of_day_only:
        return
    wide, narrow = case.judgement(), Interval(case.span.start + shift, case.span.start + shift + 1)
    assert case.judgement(frame=narrow).explain(narrow.start) is wide.explain(narrow.start)


def test_a_date_left_out_is_the_end_of_no_horizon() -> None:
    """Apia had no 30 December 2011: a horizon of one day from the 29th ends with the 29th."""
    host = Resource(id=HOST, kind="clinician", name="", time_zone="Pacific/Apia", version=1)
    now = to_minute(datetime(2011, 12, 29, 20, tzinfo=UTC))
    kind = VisitType(id=KIND, code="v", name="V", minutes=20, horizon_days=1)
    scene = Scene(kind=kind, frame=Interval(now, now + 3 * DAY), now=now, resources={HOST: host}, taken={})
    near = dict(Judgement(scene, host).passing)[Reason.TOO_FAR]
    assert minutes_of(near)[-1] == to_minute(datetime(2011, 12, 30, 9, 59, tzinfo=UTC)) - now

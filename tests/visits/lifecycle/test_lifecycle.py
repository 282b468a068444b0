"""The machine: every status with every command, by every role; long random lives; histories that rebuild the status."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telehealth.access.rules import lockout, tries_left
from telehealth.core.actors import Role
from telehealth.visits.lifecycle.checks import judge_check
from telehealth.visits.lifecycle.histories import STEPS, Step, replay
from telehealth.visits.lifecycle.rules import (
    ENDINGS,
    TRANSITIONS,
    Command,
    DeviceCheck,
    Guard,
    NotNow,
    Situation,
    Transition,
    VisitStatus,
    allowed,
    decide,
    expect,
)
from tests.kit.examples import examples
from tests.kit.machine import expected

NOW = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
PASSES = Situation(
    now=NOW,
    opens_at=NOW - timedelta(hours=1),
    closes_at=NOW + timedelta(hours=1),
    starts_at=NOW - timedelta(minutes=40),
    changed_at=NOW - timedelta(minutes=10),
    check=DeviceCheck.GOOD,
    reason="patient_request",
    earlier=VisitStatus.BOOKED,
    identified=True,
    time_free=True,
    service_open=True,
    consent_current=True,
    intake_done=True,
    location_licensed=True,
    heir_licensed=True,
    both_sides_in_media=True,
    note_in_record=True,
    clinician_there=True,
)
PASSES_WHO_IS_AWAY = replace(PASSES, away_since=NOW - timedelta(minutes=10))
STATUSES: tuple[VisitStatus | None, ...] = (None, *VisitStatus)

S, C = VisitStatus, Command
WHO = {command: frozenset[Role]().union(*(row.who for row in TRANSITIONS if row.command is command)) for command in C}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("command", Command)
def test_every_status_with_every_command(status: VisitStatus | None, command: Command) -> None:
    after = expected(status, command)
    results = {
        (role, situation): _outcome(command, status, role, situation)
        for role in Role
        for situation in (PASSES, PASSES_WHO_IS_AWAY)
    }
    assert set(results.values()) <= {None, after}
    assert after is None or after in results.values()
    assert all(outcome is None for (role, _), outcome in results.items() if role not in WHO[command])


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("role", Role)
def test_a_refusal_names_what_is_allowed_instead(status: VisitStatus | None, role: Role) -> None:
    can = {command for command in Command if _outcome(command, status, role) is not None}
    assert set(allowed(status, role, PASSES)) == can
    for command in set(Command) - can:
        with pytest.raises(NotNow) as refused:
            decide(command, status, role, PASSES)
        assert set(refused.value.extras["allowed"]) == {each.value for each in can}  # type: ignore[call-overload]


@pytest.mark.parametrize("status", [S.BOOKED, S.ARRIVED, S.READY])
def test_a_visit_whose_clinician_is_not_licensed_may_be_handed_over(status: VisitStatus) -> None:
    misplaced = replace(PASSES, location_licensed=False, heir_licensed=False)
    assert C.HAND_OVER in allowed(status, Role.FRONT_DESK, misplaced)
    with pytest.raises(NotNow, check=lambda refused: refused.extras["reason"] == "heir_licensed"):
        decide(C.HAND_OVER, status, Role.FRONT_DESK, misplaced)


BARRED = [
    (C.ARRIVE, S.BOOKED, Role.PATIENT, replace(PASSES, opens_at=NOW + timedelta(seconds=1)), "inside_join_window"),
    (C.ARRIVE, S.BOOKED, Role.PATIENT, replace(PASSES, closes_at=NOW), "inside_join_window"),
    (C.ARRIVE, S.BOOKED, Role.PATIENT, replace(PASSES, identified=False), "identity_passed"),
    (C.MAKE_READY, S.ARRIVED, Role.PATIENT, replace(PASSES, check=None), "devices_checked_or_waived"),
    (C.MAKE_READY, S.ARRIVED, Role.PATIENT, replace(PASSES, consent_current=False), "consent_current"),
    (C.MAKE_READY, S.ARRIVED, Role.PATIENT, replace(PASSES, intake_done=False), "intake_done"),
    (C.NO_ANSWER, S.ADMITTING, Role.SYSTEM, replace(PASSES, changed_at=NOW), "answer_time_over"),
    (C.AWAY, S.READY, Role.SYSTEM, PASSES_WHO_IS_AWAY, "not_away_already"),
    (C.BACK, S.READY, Role.PATIENT, PASSES, "away"),
    (C.LEAVE, S.READY, Role.SYSTEM, replace(PASSES, away_since=NOW - timedelta(minutes=4)), "away_beyond_grace"),
    (C.HAND_OVER, S.BOOKED, Role.FRONT_DESK, replace(PASSES, heir_licensed=False), "heir_licensed"),
    (C.ADMIT, S.READY, Role.CLINICIAN, replace(PASSES, location_licensed=False), "location_licensed"),
    (C.CONNECT, S.ADMITTING, Role.SYSTEM, replace(PASSES, both_sides_in_media=False), "both_sides_in_media"),
    (C.END, S.INTERRUPTED, Role.SYSTEM, replace(PASSES, changed_at=NOW - timedelta(minutes=4)), "grace_over"),
    (C.COMPLETE, S.ENDED, Role.SYSTEM, replace(PASSES, note_in_record=False), "note_in_record"),
    (C.CANCEL, S.BOOKED, Role.FRONT_DESK, replace(PASSES, reason=""), "reason_given"),
    (C.PATIENT_NO_SHOW, S.BOOKED, Role.CLINICIAN, replace(PASSES, starts_at=NOW), "no_show_time_over"),
    (C.PATIENT_NO_SHOW, S.BOOKED, Role.SYSTEM, replace(PASSES, clinician_there=False), "clinician_there"),
    (C.PROVIDER_NO_SHOW, S.READY, Role.SYSTEM, replace(PASSES, starts_at=NOW), "nobody_admitted"),
    (
        C.CORRECT,
        S.LEFT_UNSEEN,
        Role.CLINICIAN,
        replace(PASSES, changed_at=NOW - timedelta(days=2)),
        "in_time_to_correct",
    ),
    (C.HOLD, None, Role.FRONT_DESK, replace(PASSES, time_free=False), "time_free"),
    (C.REQUEST, None, Role.PATIENT, replace(PASSES, service_open=False), "service_open"),
]


@pytest.mark.parametrize("barred", BARRED, ids=[f"{row[0]}-{row[4]}" for row in BARRED])
def test_every_guard_bars(barred: tuple[Command, VisitStatus | None, Role, Situation, str]) -> None:
    command, status, role, situation, guard = barred
    with pytest.raises(NotNow) as refused:
        decide(command, status, role, situation)
    assert refused.value.extras["reason"] == guard


def test_every_guard_has_a_case() -> None:
    assert {guard.name for row in TRANSITIONS for guard in row.guards} == {row[4] for row in BARRED}


NEEDS = [(row, guard) for row in TRANSITIONS for guard in row.guards if guard.fact is not None]


@pytest.mark.parametrize(("row", "guard"), NEEDS, ids=[f"{row.command}-{guard.name}" for row, guard in NEEDS])
def test_what_nobody_has_looked_at_bars_and_is_said_to_be_possible(row: Transition, guard: Guard) -> None:
    """A command given without its facts is refused; what may be tried is what nothing is known against."""
    assert guard.fact is not None
    unknown: dict[str, Any] = {guard.fact: None}
    for status in row.sources:
        for role in row.who:
            with pytest.raises(NotNow):
                decide(row.command, status, role, replace(PASSES, **unknown))
            assert row.command in allowed(status, role, replace(PASSES, **unknown))
            expect(row.command, status, role, replace(PASSES, **unknown))


def test_every_fact_is_unknown_until_somebody_looks() -> None:
    bare = Situation(now=NOW, opens_at=NOW, closes_at=NOW, starts_at=NOW, changed_at=NOW)
    facts = {field.name for field in fields(Situation) if field.type == bool | None}
    assert facts == {guard.fact for _, guard in NEEDS}
    assert {getattr(bare, fact) for fact in facts} == {None}


instants = st.integers(-120, 120).map(lambda minutes: NOW + timedelta(minutes=minutes))
situations = st.builds(
    lambda now, check, reason: replace(PASSES, now=now, check=check, reason=reason),
    instants,
    st.sampled_from((None, *DeviceCheck)),
    st.sampled_from(("", "other")),
)
commands = st.tuples(st.sampled_from(Command), st.sampled_from(Role), situations)


@settings(max_examples=examples(50), deadline=None)
@given(st.lists(commands, min_size=50, max_size=300))
def test_random_lives_stay_inside_the_table_and_their_history_rebuilds_them(
    life: list[tuple[Command, Role, Situation]],
) -> None:
    """Some 9,000 commands, twenty times as many in the long run: none leads anywhere the table does not."""
    status: VisitStatus | None = None
    steps: list[Step] = []
    for command, role, situation in life:
        earlier = next((step.before for step in reversed(steps) if step.before != step.after), None)
        try:
            decision = decide(command, status, role, replace(situation, earlier=earlier))
        except NotNow:
            continue
        assert role in WHO[command]
        assert decision.after == (earlier if command is C.CORRECT else expected(status, command))
        steps.append(_step(len(steps) + 1, command, status, decision.after))
        status = decision.after
        assert replay(steps) == status


def test_a_history_with_a_gap_is_refused() -> None:
    steps = [
        _step(1, C.BOOK, None, S.BOOKED),
        _step(2, C.ARRIVE, S.BOOKED, S.ARRIVED),
        _step(3, C.CANCEL, S.ARRIVED, S.CANCELLED),
    ]
    assert replay(steps) is S.CANCELLED
    with pytest.raises(ValueError, match="gap"):
        replay([steps[0], steps[2]])
    with pytest.raises(ValueError, match="does not have"):
        replay([steps[0], _step(2, C.ADMIT, S.BOOKED, S.ADMITTING)])


def test_every_state_leads_to_an_end_and_no_end_leads_on() -> None:
    """But for what staff take back, in time and with a reason, and what should never have been entered."""
    arrows = {(before, after) for command, before, after in STEPS if command not in (C.MARK_ERROR, C.CORRECT)}
    for status in VisitStatus:
        reached = _reached(status, arrows)
        assert bool(reached & ENDINGS) is (status not in ENDINGS), status
    assert _reached(None, arrows) == set(VisitStatus) - {S.ENTERED_IN_ERROR}


def test_a_correction_leads_back_to_where_the_ending_came_from() -> None:
    assert {(before, after) for command, before, after in STEPS if command is C.CORRECT} == {
        (S.PATIENT_NO_SHOW, S.BOOKED),
        (S.PROVIDER_NO_SHOW, S.ARRIVED),
        (S.PROVIDER_NO_SHOW, S.READY),
        (S.LEFT_UNSEEN, S.ARRIVED),
        (S.LEFT_UNSEEN, S.READY),
        (S.INCOMPLETE, S.ADMITTING),
        (S.INCOMPLETE, S.IN_PROGRESS),
        (S.INCOMPLETE, S.INTERRUPTED),
    }


def _reached(
    status: VisitStatus | None, arrows: set[tuple[VisitStatus | None, VisitStatus]]
) -> set[VisitStatus | None]:
    """Every state that some sequence of commands leads to from that one."""
    found: set[VisitStatus | None] = set()
    frontier: set[VisitStatus | None] = {status}
    while frontier:
        following: set[VisitStatus | None] = {after for before, after in arrows if before in frontier}
        frontier = following - found
        found |= frontier
    return found


def _step(seq: int, command: Command, before: VisitStatus | None, after: VisitStatus) -> Step:
    return Step(seq=seq, command=command, before=before, after=after, at=NOW, changes={})


def test_only_staff_leave_an_ending() -> None:
    for status in ENDINGS:
        assert not set(allowed(status, Role.PATIENT, PASSES))


def test_pauses_after_wrong_dates_grow_to_a_day() -> None:
    assert [tries_left(number) for number in (1, 4)] == [4, 1]
    assert [lockout(number) for number in (5, 10, 500)] == [
        timedelta(minutes=15),
        timedelta(minutes=30),
        timedelta(hours=24),
    ]


@pytest.mark.parametrize(
    ("devices", "network", "check"),
    [
        (("ok", "ok", "ok"), "good", DeviceCheck.GOOD),
        (("ok", "ok", "unchecked"), "good", DeviceCheck.FAIR),
        (("off", "ok", "ok"), "good", DeviceCheck.FAIR),
        (("ok", "ok", "ok"), "fair", DeviceCheck.FAIR),
        (("ok", "ok", "ok"), "poor", DeviceCheck.POOR),
        (("ok", "ok", "ok"), "none", DeviceCheck.FAILED),
        (("denied", "denied", "unchecked"), None, DeviceCheck.FAILED),
        (("unchecked", "unchecked", "unchecked"), None, DeviceCheck.WAIVED),
    ],
)
def test_the_check_in_one_word(devices: tuple[str, ...], network: str | None, check: DeviceCheck) -> None:
    assert judge_check(devices, network) is check


def _outcome(
    command: Command, status: VisitStatus | None, role: Role, situation: Situation = PASSES
) -> VisitStatus | None:
    try:
        return decide(command, status, role, situation).after
    except NotNow:
        return None

"""The machine of a task: its rows, what time does, and what makes a task needless."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.actors import Role
from telehealth.followups.parts import Command, ReasonMissing, TaskClosed, TaskKind, TaskOpen, TaskStatus, TaskTaken
from telehealth.followups.rules import (
    CLOSED,
    CONDITIONS,
    ENDINGS,
    OPEN,
    TRANSITIONS,
    UNDO_FOR,
    Facts,
    Situation,
    answer_by,
    decide,
    moved_by_time,
    needless,
    next_look,
    remind_at,
)

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
SPANS = st.timedeltas(timedelta(minutes=1), timedelta(days=400))


def situation(**more: object) -> Situation:
    known = {"now": AT, "due_at": AT, "ends_at": AT + timedelta(days=3), "closed_at": AT, "reason": "moved away"}
    return Situation(**{**known, **more})  # type: ignore[arg-type]


def test_every_state_but_the_last_can_be_left_and_every_one_be_reached() -> None:
    assert {source for row in TRANSITIONS for source in row.sources} - {None, TaskStatus.CANCELLED} == set(
        TaskStatus
    ) - {TaskStatus.CANCELLED}
    assert {row.to for row in TRANSITIONS} - {None} == set(TaskStatus)


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.FRONT_DESK])
def test_one_row_at_most_decides(role: Role) -> None:
    for command in Command:
        for status in TaskStatus:
            rows = [r for r in TRANSITIONS if r.command is command and status in r.sources and role in r.who]
            assert len(rows) <= 1


@pytest.mark.parametrize("command", [Command.COMPLETE, Command.SKIP, Command.CANCEL, Command.CLAIM, Command.NOTE])
def test_what_is_closed_stays_so(command: Command) -> None:
    for status in TaskStatus:
        if status in OPEN:
            assert decide(command, status, Role.CLINICIAN, situation()).command is command
        else:
            with pytest.raises(TaskClosed):
                decide(command, status, Role.CLINICIAN, situation())


def test_skipping_needs_a_reason_and_claiming_a_task_that_is_free() -> None:
    with pytest.raises(ReasonMissing):
        decide(Command.SKIP, TaskStatus.DUE, Role.FRONT_DESK, situation(reason=""))
    with pytest.raises(TaskTaken):
        decide(Command.CLAIM, TaskStatus.DUE, Role.FRONT_DESK, situation(taken=True))
    rescued = decide(Command.CLAIM, TaskStatus.ESCALATED, Role.FRONT_DESK, situation(taken=True))
    assert rescued.to is TaskStatus.REMINDED, "who takes it on has it, and of two the second hears that it is taken"


@given(SPANS, SPANS)
def test_who_takes_on_what_was_escalated_has_its_window_once_more(window: timedelta, later: timedelta) -> None:
    ends_at = AT + window
    assert answer_by(AT, ends_at, None) == ends_at
    again = answer_by(AT, ends_at, ends_at + later)
    assert again == ends_at + later + window
    for now, command in ((again - timedelta(microseconds=1), None), (again, Command.ESCALATE)):
        assert moved_by_time(TaskStatus.REMINDED, situation(now=now, ends_at=again, closed_at=None)) is command


def test_a_slip_can_be_undone_for_a_while_and_a_cancellation_never() -> None:
    for status in (TaskStatus.DONE, TaskStatus.SKIPPED):
        assert decide(Command.REOPEN, status, Role.CLINICIAN, situation())
        with pytest.raises(TaskOpen):
            decide(Command.REOPEN, status, Role.CLINICIAN, situation(now=AT + UNDO_FOR))
    with pytest.raises(TaskClosed):
        decide(Command.REOPEN, TaskStatus.CANCELLED, Role.CLINICIAN, situation())
    with pytest.raises(TaskOpen):
        decide(Command.REOPEN, TaskStatus.DUE, Role.CLINICIAN, situation())


@given(SPANS, st.timedeltas(timedelta(0), timedelta(days=500)), st.booleans())
def test_time_alone_leads_through_every_open_state_and_never_back(
    window: timedelta, past: timedelta, blocked: bool
) -> None:
    ends_at, status, seen = AT + window, TaskStatus.PLANNED, [TaskStatus.PLANNED]
    while command := moved_by_time(status, situation(now=AT + past, ends_at=ends_at, blocked=blocked, closed_at=None)):
        (row,) = (each for each in TRANSITIONS if each.command is command)
        assert row.to is not None
        status = row.to
        seen.append(status)
    order = [TaskStatus.PLANNED, TaskStatus.DUE, TaskStatus.REMINDED, TaskStatus.ESCALATED]
    assert seen == order[: len(seen)]
    if blocked:
        assert seen == [TaskStatus.PLANNED]
    else:
        reached = 2 + (past >= remind_at(AT, ends_at) - AT) + (past >= window)
        assert len(seen) == reached
    looked = next_look(status, AT, ends_at, blocked=blocked)
    assert looked is None or looked > AT + past


@given(st.sampled_from(sorted(CLOSED)), SPANS)
def test_what_is_closed_is_never_looked_at(status: TaskStatus, window: timedelta) -> None:
    assert next_look(status, AT, AT + window, blocked=False) is None
    assert moved_by_time(status, situation(now=AT + window * 2, ends_at=AT + window)) is None


@given(
    st.tuples(
        st.sampled_from(list(TaskKind)),
        st.sampled_from(["", "device_alert:x", *ENDINGS]),
        st.sampled_from(["completed", "entered_in_error", *ENDINGS]),
    ),
    st.none() | st.timedeltas(timedelta(days=-9), timedelta(days=9)),
    st.none() | st.timedeltas(timedelta(days=-9), timedelta(days=9)),
)
def test_a_task_is_needless_for_its_own_reasons_only(
    about: tuple[TaskKind, str, str], booked: timedelta | None, answered: timedelta | None
) -> None:
    kind, origin, visit = about
    facts = Facts(
        planned_at=AT,
        kind=kind,
        origin=origin,
        visit_status=visit,
        booked_at=None if booked is None else AT + booked,
        answered_at=None if answered is None else AT + answered,
    )
    found = needless(facts)
    fulfilled = (kind is TaskKind.REBOOK and booked is not None and booked > timedelta(0)) or (
        kind is TaskKind.QUESTIONNAIRE and answered is not None and answered > timedelta(0)
    )
    mistaken = visit == "entered_in_error" and not origin.startswith("device_alert")  # which is of the patient
    gone = mistaken or (origin in ENDINGS and origin != visit)
    assert (found is not None) == (fulfilled or gone)
    if found is not None:
        assert found.command is (Command.CANCEL if gone else Command.COMPLETE)


def test_conditions_and_endings_have_names_of_their_own() -> None:
    assert len({each.name for each in CONDITIONS}) == len(CONDITIONS)
    assert set(ENDINGS) == {"patient_no_show", "provider_no_show", "left_unseen", "incomplete"}

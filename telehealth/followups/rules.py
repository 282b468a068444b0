"""Follow-up tasks: the state machine as data, what time does, and when a task is no longer wanted. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from telehealth.core.actors import Role
from telehealth.followups import events as happened
from telehealth.followups.parts import (
    Command,
    Facing,
    FollowUp,
    Item,
    Owner,
    Pool,
    Priority,
    ReasonMissing,
    Step,
    TaskClosed,
    TaskKind,
    TaskOpen,
    TaskStatus,
    TaskTaken,
    Wish,
)

S, C = TaskStatus, Command
OPEN = frozenset({S.PLANNED, S.DUE, S.REMINDED, S.ESCALATED})
CLOSED = frozenset(S) - OPEN
WANTED = OPEN - {S.PLANNED}  # what the board shows: due and not closed
STAFF = frozenset({Role.CLINICIAN, Role.FRONT_DESK})
ANYONE = STAFF | {Role.SYSTEM}
DOERS = ANYONE | {Role.PATIENT}  # what is asked of patients they may say is done
UNDO_FOR = timedelta(minutes=15)
REMIND_AFTER, WINDOW = timedelta(days=1), timedelta(days=3)  # unless the task says how long its window is


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What guards look at."""

    now: datetime
    due_at: datetime
    ends_at: datetime
    closed_at: datetime | None = None
    blocked: bool = False
    taken: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Guard:
    name: str
    holds: Callable[[Situation], bool]


def remind_at(due_at: datetime, ends_at: datetime) -> datetime:
    """A day after it fell due, or in the middle of a shorter window."""
    return due_at + min(REMIND_AFTER, (ends_at - due_at) / 2)


def answer_by(due_at: datetime, ends_at: datetime, taken_on_at: datetime | None) -> datetime:
    """Until when it is waited for who has it: who took on what was escalated has as long again as it had at first."""
    return ends_at if taken_on_at is None else taken_on_at + (ends_at - due_at)


HAS_COME = Guard("due", lambda s: s.now >= s.due_at)
UNBLOCKED = Guard("predecessor_closed", lambda s: not s.blocked)
TO_REMIND = Guard("reminder_due", lambda s: s.now >= remind_at(s.due_at, s.ends_at))
WINDOW_OVER = Guard("window_over", lambda s: s.now >= s.ends_at)
FREE = Guard("free_or_own", lambda s: not s.taken)
REASON_GIVEN = Guard("reason_given", lambda s: bool(s.reason))
IN_TIME = Guard("closed_just_now", lambda s: s.closed_at is not None and s.now < s.closed_at + UNDO_FOR)
REFUSALS = {FREE: TaskTaken, REASON_GIVEN: ReasonMissing, IN_TIME: TaskOpen}


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the machine. No source: the task begins here. `to` None: the state stays, or is the one before."""

    command: Command
    sources: frozenset[TaskStatus | None]
    to: TaskStatus | None
    who: frozenset[Role]
    event: type[happened.FollowUpEvent]
    guards: tuple[Guard, ...] = ()


def _row(
    command: Command,
    change: tuple[Iterable[TaskStatus | None], TaskStatus | None],
    who: Iterable[Role],
    event: type[happened.FollowUpEvent],
    *guards: Guard,
) -> Transition:
    sources, to = change
    return Transition(command, frozenset(sources), to, frozenset(who), event, guards)


_SYSTEM = frozenset({Role.SYSTEM})
TRANSITIONS: tuple[Transition, ...] = (
    _row(C.PLAN, ({None}, S.PLANNED), ANYONE, happened.FollowUpPlanned),
    _row(C.FIRE, ({S.PLANNED}, S.DUE), _SYSTEM, happened.FollowUpDue, HAS_COME, UNBLOCKED),
    _row(C.REMIND, ({S.DUE}, S.REMINDED), _SYSTEM, happened.FollowUpReminded, TO_REMIND),
    _row(C.ESCALATE, ({S.REMINDED}, S.ESCALATED), _SYSTEM, happened.FollowUpEscalated, WINDOW_OVER),
    _row(C.CLAIM, (OPEN - {S.ESCALATED}, None), STAFF, happened.FollowUpAssigned, FREE),
    _row(C.CLAIM, ({S.ESCALATED}, S.REMINDED), STAFF, happened.FollowUpAssigned),  # from who is silent
    _row(C.ASSIGN, (OPEN, None), STAFF, happened.FollowUpAssigned),
    _row(C.NOTE, (OPEN, None), ANYONE, happened.FollowUpNoted),
    _row(C.CHECK, (OPEN, None), STAFF, happened.FollowUpNoted),
    _row(C.COMPLETE, (OPEN, S.DONE), DOERS, happened.FollowUpDone),
    _row(C.SKIP, (OPEN, S.SKIPPED), STAFF, happened.FollowUpSkipped, REASON_GIVEN),
    _row(C.CANCEL, (OPEN, S.CANCELLED), ANYONE, happened.FollowUpCancelled),
    _row(C.REOPEN, ({S.DONE, S.SKIPPED}, None), STAFF, happened.FollowUpReopened, IN_TIME),
)
IN_TIME_ITSELF = {S.PLANNED: C.FIRE, S.DUE: C.REMIND, S.REMINDED: C.ESCALATE}


def decide(command: Command, status: TaskStatus, role: Role, situation: Situation) -> Transition:
    """The row that takes the task on. Raises TaskClosed, TaskOpen, TaskTaken, ReasonMissing."""
    rows = [row for row in TRANSITIONS if row.command is command and status in row.sources and role in row.who]
    if not rows:
        raise TaskClosed if status in CLOSED else TaskOpen
    (row,) = rows
    for guard in row.guards:
        if not guard.holds(situation):
            raise REFUSALS.get(guard, TaskOpen)
    return row


def next_look(status: TaskStatus, due_at: datetime, ends_at: datetime, *, blocked: bool) -> datetime | None:
    """When time alone may move it next; None when it does no more, or not before another task is closed."""
    waits = {S.PLANNED: due_at, S.DUE: remind_at(due_at, ends_at), S.REMINDED: ends_at}
    return None if blocked and status is S.PLANNED else waits.get(status)


def moved_by_time(status: TaskStatus, situation: Situation) -> Command | None:
    """What time does to it now, if anything."""
    command = IN_TIME_ITSELF.get(status)
    (row,) = (each for each in TRANSITIONS if each.command is command) if command else (None,)
    return command if row is not None and all(guard.holds(situation) for guard in row.guards) else None


# What makes a task needless: looked at when it fires, and when something happens that may fulfil it.


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a task's patient and visit; instants are those of the latest. `answered_at` is of the questions
    before a visit: what names a questionnaire of its own is completed by the answers to that.
    """

    planned_at: datetime
    kind: TaskKind
    origin: str
    visit_status: str
    booked_at: datetime | None = None
    answered_at: datetime | None = None
    questionnaire: str = ""

    @property
    def asks_for_intake(self) -> bool:
        return self.kind is TaskKind.QUESTIONNAIRE and not self.questionnaire

    @property
    def of_visit(self) -> bool:
        """Whether it is about the visit it hangs on. What a device told is true whatever became of that."""
        return made_by(self.origin) != DEVICE_ALERT

    def since(self, at: datetime | None) -> bool:
        return at is not None and at > self.planned_at


@dataclass(frozen=True, slots=True)
class Condition:
    """When `holds`, the task is closed by `command`; `name` is kept in its history."""

    name: str
    command: Command
    holds: Callable[[Facts], bool]


@dataclass(frozen=True, slots=True)
class Trigger:
    """What an ending of a visit asks of somebody, as a clinic begins with; `ending` is the visit's status."""

    ending: str
    kind: TaskKind
    owner: Owner
    priority: Priority
    due_in: timedelta


TRIGGERS = (
    Trigger("patient_no_show", TaskKind.REBOOK, Owner(Pool.DESK), Priority.ROUTINE, timedelta(0)),
    Trigger("provider_no_show", TaskKind.CALL, Owner(Pool.DESK), Priority.URGENT, timedelta(0)),
    Trigger("left_unseen", TaskKind.CALL, Owner(Pool.DESK), Priority.URGENT, timedelta(0)),
    Trigger("incomplete", TaskKind.REBOOK, Owner(Pool.DESK), Priority.URGENT, timedelta(0)),
)
ENDINGS = {trigger.ending: trigger for trigger in TRIGGERS}
DEVICE_ALERT = "device_alert"  # the other thing that makes tasks by itself, of a higher floor
SWITCHES = (*ENDINGS, DEVICE_ALERT)
CONDITIONS = (
    Condition("visit_in_error", C.CANCEL, lambda f: f.of_visit and f.visit_status == "entered_in_error"),
    Condition("ending_corrected", C.CANCEL, lambda f: f.origin in ENDINGS and f.visit_status != f.origin),
    Condition("rebooked", C.COMPLETE, lambda f: f.kind is TaskKind.REBOOK and f.since(f.booked_at)),
    Condition("answered", C.COMPLETE, lambda f: f.asks_for_intake and f.since(f.answered_at)),
)
BLOCKING_GONE = "predecessor_cancelled"


def made_by(origin: str | None) -> str:
    """What kind of happening made a task by itself; "" of one that was made by hand."""
    return (origin or "").partition(":")[0]


def needless(facts: Facts) -> Condition | None:
    """The first condition that makes the task needless; None when it still applies."""
    return next((each for each in CONDITIONS if each.holds(facts)), None)


def overdue_first(tasks: Iterable[FollowUp], now: datetime) -> list[FollowUp]:
    """Those whose window is over, then by priority, then by when they fell due."""
    order = list(Priority)
    return sorted(tasks, key=lambda each: (now < each.ends_at, -order.index(each.priority), each.due_at, each.id))


def state_before(steps: Iterable[Step]) -> TaskStatus:
    """The state a closed task had before it was closed. Raises TaskOpen without one."""
    closing = [each for each in steps if each.after in CLOSED and each.before in OPEN]
    if not closing or closing[-1].before is None:
        raise TaskOpen
    return closing[-1].before


def with_item(items: Iterable[Item], number: int, *, done: bool) -> tuple[Item, ...]:
    """The checklist with its item of that number, from 0, marked so."""
    return tuple(Item(item.text, done) if at == number else item for at, item in enumerate(items))


def owned(owner: Owner, person_id: UUID | None) -> bool:
    return owner.person_id is not None and owner.person_id == person_id


FACING = dict.fromkeys(TaskKind, Facing.STAFF) | {TaskKind.QUESTIONNAIRE: Facing.PATIENT}


def is_patients(wish: Wish) -> bool:
    """Whether it is the patient's doing, who is told of it when it is due."""
    return (wish.facing or FACING[wish.kind]) is Facing.PATIENT


def asks_patient(wish: Wish) -> bool:
    """Whether a questionnaire that it names is one for the patient to answer."""
    return wish.kind is TaskKind.QUESTIONNAIRE and is_patients(wish)

"""Follow-up tasks on the wire."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from telehealth.followups.parts import (
    LONGEST_ITEM,
    LONGEST_REASON,
    LONGEST_TITLE,
    MOST_ITEMS,
    Command,
    Facing,
    FollowUp,
    Owner,
    Pool,
    Priority,
    TaskKind,
    TaskStatus,
    Wish,
)
from telehealth.followups.rules import SWITCHES
from telehealth.http.schemas import Instant, Message

MOST_COORDINATORS = 50
DELAY = r"^[1-9][0-9]{0,2}[dwm]$"
Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, pattern=r"\S")]
Line = Annotated[str, Field(min_length=1, max_length=LONGEST_ITEM, pattern=r"\S")]


class OwnerView(Message):
    """A person of a pool, or anyone of it. `person_id` is a clinician's id, at the desk an account's."""

    pool: Pool
    person_id: UUID | None = None


WishedKind = Literal[
    TaskKind.CALL,
    TaskKind.REBOOK,
    TaskKind.LAB,
    TaskKind.IMAGING,
    TaskKind.QUESTIONNAIRE,
    TaskKind.MEDICATION,
    TaskKind.REFERRAL,
    TaskKind.MESSAGE,
    TaskKind.CUSTOM,
]


class PlanFollowUp(Message):
    """`due_in` and `window` are a number with d (days), w (weeks) or m (months); `due_at` goes before `due_in`.

    Without `owner` it is the visit's clinician's. `after` is a task of the same patient: while that is open, this
    one does not fire; when that is cancelled, so is this, unless somebody has begun it. `repeat` is an
    RRULE value (RFC 5545, section 3.3.10) with an end, read on the patient's clock; all its tasks are made at once, and
    the answer is the first. A task without a title is one whose kind says it all. `questionnaire` is the code of one
    that the patient is asked to answer; repeated, each is to be answered before the next one is asked.
    """

    title: Annotated[str, Field(max_length=LONGEST_TITLE)] = ""
    due_in: Annotated[str, Field(pattern=DELAY, examples=["2w"])] | None = None
    due_at: Instant | None = None
    kind: WishedKind = TaskKind.CUSTOM
    owner: OwnerView | None = None
    facing: Facing | None = None
    priority: Priority = Priority.ROUTINE
    window: Annotated[str, Field(pattern=DELAY, examples=["3d"])] | None = None
    after: UUID | None = None
    checklist: Annotated[list[Line], Field(max_length=MOST_ITEMS)] = Field(default_factory=list)
    repeat: Annotated[str, Field(max_length=300, examples=["FREQ=DAILY;COUNT=14"])] = ""
    questionnaire: Annotated[str, Field(max_length=40, examples=["blood-pressure"])] = ""

    def wish(self) -> Wish:
        return Wish(
            title=self.title.strip(),
            due_in=self.due_in or "0d",
            due_at=self.due_at,
            kind=self.kind,
            owner=None if self.owner is None else Owner(self.owner.pool, self.owner.person_id),
            facing=self.facing,
            priority=self.priority,
            window=self.window or "",
            after_id=self.after,
            checklist=tuple(line.strip() for line in self.checklist),
            repeat=self.repeat,
            questionnaire=self.questionnaire,
        )


class StrokeMessage(Message):
    """All in one line: `Check blood pressure +2w`, `call +3d @desk`, `blood pressure +1d x14`."""

    stroke: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE + 40)]


class ItemView(Message):
    text: str
    done: bool


class FollowUpView(Message):
    """`clinician_id` gave the visit; `ends_at` is when the window ends in which it is to be done. `taken_on_at` is when
    its owner took it on after it was escalated.
    """

    id: UUID
    visit_id: UUID
    patient_id: UUID
    clinician_id: UUID
    kind: TaskKind
    title: str
    owner: OwnerView
    facing: Facing
    priority: Priority
    status: TaskStatus
    planned_at: Instant
    due_at: Instant
    ends_at: Instant
    closed_at: Instant | None
    taken_on_at: Instant | None
    after: UUID | None
    series_id: UUID | None
    number: int | None
    origin: str
    questionnaire: str
    reason: str
    checklist: list[ItemView]
    revision: int

    @classmethod
    def of(cls, task: FollowUp) -> Self:
        fields = {name: getattr(task, name) for name in cls.model_fields if name not in ("after", "owner", "checklist")}
        items = [ItemView(text=item.text, done=item.done) for item in task.checklist]
        owner = OwnerView(pool=task.owner.pool, person_id=task.owner.person_id)
        return cls(**fields, after=task.after_id, owner=owner, checklist=items)


class StepView(Message):
    """`note` is what somebody wrote, or the name of what the system went by."""

    seq: int
    at: Instant
    command: Command
    before: TaskStatus | None
    after: TaskStatus
    actor_id: UUID | None
    role: str
    note: str


class HistoryView(Message):
    items: list[StepView]


class SkipFollowUp(Message):
    reason: Reason


class NoteOnFollowUp(Message):
    text: Reason


class TickItem(Message):
    """`item` counts from 0."""

    item: Annotated[int, Field(ge=0, lt=MOST_ITEMS)]
    done: bool = True


class FollowUpQuery(Message):
    """Without `status`: everything open. `after` is the id of the last task of the page before."""

    status: Annotated[list[TaskStatus], Field(default_factory=list, max_length=len(TaskStatus))]
    visit: UUID | None = None
    after: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class TriggersView(Message):
    """By how a visit ended, and for alerts of devices, whether that makes a task here."""

    patient_no_show: bool
    provider_no_show: bool
    left_unseen: bool
    incomplete: bool
    device_alert: bool


class Coordinators(Message):
    """Ids of clinicians who sign in here; each is told of every task that is escalated."""

    items: Annotated[list[UUID], Field(max_length=MOST_COORDINATORS)]


class BoardQuery(Message):
    """`closed` is the task that was just closed, `told` why the last press did nothing, `lang` the page's language."""

    closed: UUID | None = None
    told: str = ""
    lang: str | None = None


class TaskQuery(Message):
    """`told`: why the last press did nothing."""

    told: str = ""
    lang: str | None = None


class SeenQuery(Message):
    """`revision` of the task as it was read when the button was pressed."""

    revision: Annotated[int, Field(ge=1)] | None = None


class SkipForm(Message):
    reason: Annotated[str, StringConstraints(max_length=LONGEST_REASON)]


class TriggersForm(Message):
    """A box that is not ticked is not sent: `shown` names each that was on the page, `was` each that stood ticked
    when it was drawn. What is newer than the page has no box there, and stays as it is.
    """

    shown: Annotated[list[str], Field(min_length=1, max_length=2 * len(SWITCHES))]
    was: Annotated[list[str], Field(default_factory=list, max_length=2 * len(SWITCHES))]
    patient_no_show: str = ""
    provider_no_show: str = ""
    left_unseen: str = ""
    incomplete: str = ""
    device_alert: str = ""

    def switches(self) -> dict[str, bool]:
        return {name: bool(getattr(self, name)) for name in SWITCHES if name in self.shown}

    def before(self) -> dict[str, bool]:
        return {name: name in self.was for name in SWITCHES if name in self.shown}


class CoordinatorsForm(Message):
    """`version` is what the page was drawn from. A box that is ticked is a field with the id of a clinician as name."""

    model_config = ConfigDict(extra="allow")

    version: Annotated[int, Field(ge=0, lt=2**31)]

    @model_validator(mode="after")
    def _are_people(self) -> Self:
        _ = self.ticked
        return self

    @property
    def ticked(self) -> frozenset[UUID]:
        return frozenset(map(UUID, self.model_extra or {}))


class TriggersQuery(Message):
    saved: str = ""
    lang: str | None = None

"""What a follow-up task is made of: kinds, owners, priorities, steps and refusals. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, PatientId, TaskId, VisitId

LONGEST_TITLE, LONGEST_REASON, LONGEST_ITEM, MOST_ITEMS = 200, 500, 200, 20


class TaskStatus(StrEnum):
    PLANNED = "planned"
    DUE = "due"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    DONE = "done"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class TaskKind(StrEnum):
    CALL = "call"
    REBOOK = "rebook"
    LAB = "lab"
    IMAGING = "imaging"
    QUESTIONNAIRE = "questionnaire"
    MEDICATION = "medication"
    REFERRAL = "referral"
    MESSAGE = "message"
    CUSTOM = "custom"
    COSIGN = "cosign"  # comes with a trainee's signature, and is closed by the co-signature alone


class Pool(StrEnum):
    """Who among staff a task is for; without an owner, anyone of them may take it."""

    CLINICIANS = "clinicians"
    DESK = "desk"


class Facing(StrEnum):
    """Whose doing it is: staff's, or the patient's while staff watch that it is done."""

    STAFF = "staff"
    PATIENT = "patient"


class Priority(StrEnum):
    """FHIR R4 request-priority, least urgent first."""

    ROUTINE = "routine"
    URGENT = "urgent"
    ASAP = "asap"
    STAT = "stat"


class Command(StrEnum):
    PLAN = "plan"
    FIRE = "fire"
    REMIND = "remind"
    ESCALATE = "escalate"
    CLAIM = "claim"
    ASSIGN = "assign"
    NOTE = "note"
    CHECK = "check"
    COMPLETE = "complete"
    SKIP = "skip"
    CANCEL = "cancel"
    REOPEN = "reopen"


class TaskClosed(Refusal):
    kind, slug, title = Kind.CONFLICT, "task-closed", "This task is closed already"


class TaskOpen(Refusal):
    kind, slug, title = Kind.CONFLICT, "task-open", "This task is not closed, or was closed too long ago"


class TaskTaken(Refusal):
    kind, slug, title = Kind.CONFLICT, "task-taken", "Somebody else has taken this task"


class ReasonMissing(Refusal):
    kind, slug, title = Kind.INVALID, "reason-missing", "Say why"


class UnfitDelay(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-delay", "Say when as days, weeks or months, such as 10d, 2w or 6m"


class UnfitTask(Refusal):
    """`fault` is predecessor, window, owner, item, questionnaire (there is none of that code, or it cannot be answered
    so), or kind: one that no hand makes or closes.
    """

    kind, slug, title = Kind.INVALID, "unfit-task", "This task does not make sense"


class UnfitCoordinator(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-coordinator", "Who coordinates follow-ups is a clinician who signs in here"


@dataclass(frozen=True, slots=True)
class Coordination:
    """Who is told of what is escalated; `version` counts how often they were named, and is 0 when nobody ever was."""

    version: int
    clinician_ids: tuple[ClinicianId, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a checklist."""

    text: str
    done: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """A person of a pool, or anyone of it. `person_id` is a clinician's id, at the desk an account's."""

    pool: Pool
    person_id: UUID | None = None


class Whose(StrEnum):
    """Whose a task is to be that is asked for before there is a visit: of who gives it, or of anyone of a pool."""

    CLINICIAN = "clinician"
    CLINICIANS = "clinicians"
    DESK = "desk"

    @property
    def owner(self) -> Owner | None:
        return None if self is Whose.CLINICIAN else Owner(Pool(self.value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A task as it is asked for. `owner` None is the visit's clinician; `repeat` an RRULE value (RFC 5545) or empty.

    `due_in` is a delay such as 2w; `due_at`, an instant, goes before it; `window` a delay too, empty for three days.
    `lasts` is the window where days are too long, and goes before `window`.
    `cause` is what its history says of where it came from. `questionnaire` is the code of what the patient is asked to
    answer; the answers complete the task.
    """

    title: str = ""
    due_in: str = "0d"
    due_at: datetime | None = None
    kind: TaskKind = TaskKind.CUSTOM
    owner: Owner | None = None
    facing: Facing | None = None
    priority: Priority = Priority.ROUTINE
    window: str = ""
    lasts: timedelta | None = None
    after_id: UUID | None = None
    checklist: Sequence[str] = ()
    repeat: str = ""
    origin: str | None = None
    cause: str = ""
    questionnaire: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """One task. `title`, `reason` and the checklist are what people wrote, and may speak of the patient's health.

    `clinician_id` gave the visit it came from. It is to be done in [`due_at`, `ends_at`). It does not fire while the
    task of `after_id` is open: then it is `blocked`. `taken_on_at` is when somebody took it on after it was escalated.
    `number` counts the tasks of a repetition from 1. `origin` says what made it when nobody did by hand, and `source`
    which one of these. `questionnaire` is the code of what the patient is asked to answer.
    """

    id: TaskId
    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    kind: TaskKind
    title: str
    owner: Owner
    facing: Facing
    priority: Priority
    status: TaskStatus
    planned_at: datetime
    due_at: datetime
    ends_at: datetime
    moved_at: datetime
    closed_at: datetime | None = None
    taken_on_at: datetime | None = None
    after_id: TaskId | None = None
    blocked: bool = False
    series_id: UUID | None = None
    number: int | None = None
    origin: str = ""
    source: str = ""
    questionnaire: str = ""
    reason: str = ""
    checklist: Sequence[Item] = ()
    revision: int = 1

    @property
    def is_taken_on(self) -> bool:
        """Whether its owner sees to it, whom nobody waited for at first."""
        return self.taken_on_at is not None and self.status is TaskStatus.REMINDED and self.owner.person_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """What a search may narrow by; None is anything. `..._from` are inclusive, `..._before` are not.

    With `statuses`: what waits for another task is there when `waiting` says so, whatever they say of planned ones.
    """

    ids: Collection[UUID] | None = None
    patient_id: UUID | None = None
    statuses: Collection[TaskStatus] | None = None
    waiting: bool | None = None
    planned_from: datetime | None = None
    planned_before: datetime | None = None
    changed_from: datetime | None = None
    changed_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What was done to a task: by whom, when; `note` is what they wrote, or why the system did it."""

    seq: int
    at: datetime
    command: Command
    before: TaskStatus | None
    after: TaskStatus
    actor_id: UUID | None
    role: str
    note: str = ""

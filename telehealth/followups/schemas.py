"""Follow-up tasks on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from telehealth.followups.rules import LONGEST_TITLE, TaskStatus
from telehealth.http.schemas import Instant, Message


class PlanFollowUp(Message):
    """`due_in` is a number with d (days), w (weeks) or m (months)."""

    title: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE, pattern=r"\S")]
    due_in: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}[dwm]$", examples=["2w"])]


class Stroke(Message):
    """Both in one stroke of the keyboard: `Check blood pressure +2w`."""

    stroke: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE + 8)]


class FollowUpView(Message):
    id: UUID
    visit_id: UUID
    patient_id: UUID
    clinician_id: UUID
    title: str
    status: TaskStatus
    planned_at: Instant
    due_at: Instant
    closed_at: Instant | None


class FollowUpQuery(Message):
    """Without `status`: everything open. `after` is the id of the last task of the page before."""

    status: Annotated[list[TaskStatus], Field(default_factory=list, max_length=len(TaskStatus))]
    visit: UUID | None = None
    after: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50

"""What happened to what patients are asked from home."""

from dataclasses import dataclass
from uuid import UUID

from telehealth.core.events import Event
from telehealth.core.ids import PatientId, VisitId


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionsEvent(Event):
    """`request_id` names what the patient was asked, never what it is about. `to_do`: to do it, not to answer it."""

    request_id: UUID
    visit_id: VisitId
    patient_id: PatientId
    to_do: bool = False

    def topics(self) -> tuple[str, ...]:
        return (f"visit:{self.visit_id}",)


class QuestionsAsked(QuestionsEvent):
    """The patient has a link to the questions, or to what there is to do, and hears of it."""

    __slots__ = ()


class AnswerAwaited(QuestionsEvent):
    """They were asked a while ago and have neither answered nor said that it is done."""

    __slots__ = ()


class QuestionsAnswered(QuestionsEvent):
    """The answers have completed the task, and asked for somebody where a threshold was crossed."""

    __slots__ = ()

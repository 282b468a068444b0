"""What the gates say and hear on the wire."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from telehealth.http.schemas import Message
from telehealth.people.schemas import Jurisdiction
from telehealth.visits.gates.filling import Intake, Problem, Published, Wrong, stored, told
from telehealth.visits.gates.rules import ConsentText, Gate, GateState, Standing, Waiver, Wording

Spoken = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
Said = Annotated[str, StringConstraints(min_length=1, max_length=20_000, pattern=r"\S")]
LinkId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Given = bool | Annotated[int, Field(ge=-(2**31), lt=2**31)] | Annotated[str, StringConstraints(max_length=4000)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]


class GateView(Message):
    """One gate of a visit. What is not asked for has none."""

    gate: Gate
    state: GateState


class WaivedGateView(GateView):
    """`waived_by` says who of the staff waived it; `reason` why, null for who neither wrote it nor gives the visit."""

    waived_at: datetime | None = None
    waived_by: str | None = None
    reason: str | None = None

    @classmethod
    def of(cls, standing: Standing, waiver: Waiver | None) -> Self:
        if waiver is None or standing.state is not GateState.WAIVED:
            return cls(gate=standing.gate, state=standing.state)
        told = {name: getattr(waiver, name) for name in ("waived_at", "waived_by", "reason")}
        return cls(gate=standing.gate, state=standing.state, **told)


class GatesView(Message):
    items: list[WaivedGateView]


class WaiveGate(Message):
    """Why the patient may come in without it."""

    reason: Reason


class AskedConsent(Message):
    """The text in force, in one of its languages; `agreed_at` is null until the patient has agreed to it."""

    text_id: UUID
    version: int
    language: str
    paragraphs: list[str]
    agreed_at: datetime | None

    @classmethod
    def of(cls, text: ConsentText, wording: Wording, agreed_at: datetime | None) -> Self:
        return cls(
            text_id=text.id,
            version=text.version,
            language=wording.language,
            paragraphs=list(wording.paragraphs),
            agreed_at=agreed_at,
        )


class PreparationQuery(Message):
    """The language to read the text in, ISO 639-1."""

    language: Spoken = "en"


class PreparationView(Message):
    """What is asked of the patient before the visit, and what of it is done."""

    gates: list[GateView]
    consent: AskedConsent | None


class GiveConsent(Message):
    """Agree to that very text, as it was read in that language."""

    text_id: UUID
    language: Spoken = "en"


class ProblemView(Message):
    link_id: str
    problem: Wrong


class IntakeView(Message):
    """`questionnaire` is a FHIR R4 Questionnaire, `answers` are by linkId: booleans, integers, else strings.

    `revision` is 0 before the first save. `problems` are answers that were not kept.
    """

    questionnaire: dict[str, Any]
    answers: dict[str, bool | int | str]
    revision: int
    saved_at: datetime | None
    completed_at: datetime | None
    prefilled: bool
    problems: list[ProblemView]

    @classmethod
    def of(cls, intake: Intake, problems: list[Problem] | None = None) -> Self:
        return cls(
            questionnaire=intake.published.resource,
            answers=stored(intake.answers),
            revision=intake.revision,
            saved_at=intake.saved_at,
            completed_at=intake.completed_at,
            prefilled=intake.prefilled,
            problems=[ProblemView(link_id=each.link_id, problem=each.wrong) for each in problems or []],
        )


class SaveIntake(Message):
    """The answers so far; `complete` when the patient is done. Numbers and dates may also come as they were typed."""

    answers: Annotated[dict[LinkId, Given], Field(max_length=100)]
    complete: bool = False


class AnswerView(Message):
    link_id: str
    question: str
    answer: bool | int | str


class AnswersView(Message):
    """What the patient answered, question by question; what did not apply is absent."""

    completed_at: datetime | None
    items: list[AnswerView]

    @classmethod
    def of(cls, intake: Intake) -> Self:
        asked = {each.link_id: each for each in intake.published.questionnaire.questions}
        answers = stored(dict(told(intake)))
        return cls(
            completed_at=intake.completed_at,
            items=[
                AnswerView(link_id=link, question=asked[link].label.words, answer=answer)
                for link, answer in answers.items()
            ],
        )


class PublishConsentText(Message):
    """A text in each of its languages, for one kind of visit and one jurisdiction; without these, for all."""

    visit_type_id: UUID | None = None
    jurisdiction: Jurisdiction | None = None
    texts: Annotated[dict[Spoken, Said], Field(min_length=1, max_length=20)]


class ConsentTextView(Message):
    id: UUID
    visit_type_id: UUID | None
    jurisdiction: str | None
    version: int
    texts: dict[str, str]
    published_at: datetime
    retired_at: datetime | None


class ConsentTextsView(Message):
    items: list[ConsentTextView]

    @classmethod
    def of(cls, texts: list[ConsentText]) -> Self:
        return cls(items=[ConsentTextView.model_validate(each) for each in texts])


class PublishQuestionnaire(Message):
    """A FHIR R4 Questionnaire; what of it would not be honoured is refused."""

    questionnaire: dict[str, Any]


class QuestionnaireView(Message):
    version: int
    published_at: datetime
    questionnaire: dict[str, Any]

    @classmethod
    def of(cls, published: Published) -> Self:
        return cls(version=published.version, published_at=published.published_at, questionnaire=published.resource)

"""Care pathways on the wire."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from telehealth.followups.parts import LONGEST_TITLE, MOST_ITEMS, Facing, Priority, Whose
from telehealth.followups.schemas import Line, WishedKind
from telehealth.http.schemas import Instant, Message
from telehealth.pathways.rules import (
    CODE,
    LONGEST_NAME,
    MOST_STEPS,
    MOST_TRIGGERS,
    Cause,
    CodeSystem,
    Content,
    Diagnosis,
    Pathway,
    Run,
    Step,
    is_code,
)

Code = Annotated[str, Field(pattern=f"^{CODE}$", examples=["hypertension"])]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"\S")]


class DiagnosisView(Message):
    """`icd-10`: a code or its beginning; `snomed-ct`: the whole number of a concept."""

    system: CodeSystem
    code: Annotated[str, Field(pattern=r"^([A-Z][0-9]([0-9A-Z](\.[0-9A-Z]{1,4})?)?|[0-9]{6,18})$", examples=["I10"])]


class StepView(Message):
    """`due_in` counts from the start of the pathway, 0d is at once; `window` empty is three days. `after` is the number
    of an earlier step, from 1: this one waits until that is closed. `repeat` is an RRULE value (RFC 5545) of FREQ,
    INTERVAL and COUNT. `questionnaire` is the code of one that the patient is asked to answer.
    """

    kind: WishedKind
    title: Annotated[str, Field(max_length=LONGEST_TITLE)] = ""
    due_in: Annotated[str, Field(pattern=r"^(0d|[1-9][0-9]{0,2}[dwm])$", examples=["2w"])] = "0d"
    window: Annotated[str, Field(pattern=r"^([1-9][0-9]{0,2}[dwm])?$", examples=["3d"])] = ""
    owner: Whose = Whose.CLINICIAN
    facing: Facing | None = None
    priority: Priority = Priority.ROUTINE
    after: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    repeat: Annotated[str, Field(max_length=60, examples=["FREQ=DAILY;COUNT=14"])] = ""
    checklist: Annotated[list[Line], Field(max_length=MOST_ITEMS)] = Field(default_factory=list)
    questionnaire: Annotated[str, Field(pattern=f"^({CODE})?$", examples=["blood-pressure"])] = ""

    def step(self) -> Step:
        lines = tuple(line.strip() for line in self.checklist)
        return Step(**{**dict(self), "title": self.title.strip(), "checklist": lines})


class PathwayContent(Message):
    """`visit_types` are codes of kinds of visits: it starts when such a visit ends. `diagnoses`: when a note is signed
    that names one of these codes.
    """

    name: Name
    visit_types: Annotated[list[str], Field(max_length=MOST_TRIGGERS)] = Field(default_factory=list)
    diagnoses: Annotated[list[DiagnosisView], Field(max_length=MOST_TRIGGERS)] = Field(default_factory=list)
    steps: Annotated[list[StepView], Field(min_length=1, max_length=MOST_STEPS)]

    def content(self) -> Content:
        return Content(
            name=self.name.strip(),
            visit_types=tuple(self.visit_types),
            diagnoses=tuple(Diagnosis(each.system, each.code) for each in self.diagnoses),
            steps=tuple(each.step() for each in self.steps),
        )


class PathwayView(PathwayContent):
    """One version, with who published it: an account."""

    code: Code
    version: int
    published_at: Instant
    published_by: UUID | None
    retired_at: Instant | None

    @classmethod
    def of(cls, pathway: Pathway) -> Self:
        content = pathway.content
        return cls(
            code=pathway.code,
            version=pathway.version,
            published_at=pathway.published_at,
            published_by=pathway.published_by,
            retired_at=pathway.retired_at,
            name=content.name,
            visit_types=list(content.visit_types),
            diagnoses=[DiagnosisView(system=each.system, code=each.code) for each in content.diagnoses],
            steps=[StepView.model_validate(each) for each in content.steps],
        )


class PathwaysView(Message):
    items: list[PathwayView]


class RunView(Message):
    """A pathway that was started for a visit. `started_by` and `cancelled_by` are accounts; null is the system."""

    id: UUID
    code: Code
    name: str
    version: int
    cause: Cause
    started_at: Instant
    started_by: UUID | None
    cancelled_at: Instant | None
    cancelled_by: UUID | None
    tasks: list[UUID]

    @classmethod
    def of(cls, run: Run) -> Self:
        shown = {name: getattr(run, name) for name in cls.model_fields if name not in ("code", "name", "version")}
        return cls(
            **{**shown, "tasks": list(run.tasks)},
            code=run.pathway.code,
            name=run.pathway.content.name,
            version=run.pathway.version,
        )


class StartableView(Message):
    code: Code
    name: str


class RunsView(Message):
    """`startable`: what may be started by hand."""

    items: list[RunView]
    startable: list[StartableView]

    @classmethod
    def of(cls, runs: Iterable[Run], known: Iterable[Pathway]) -> Self:
        items = [RunView.of(each) for each in runs]
        going = {each.code for each in items if each.cancelled_at is None}
        startable = [StartableView(code=each.code, name=each.content.name) for each in known if each.code not in going]
        return cls(items=items, startable=startable)


class StartPathway(Message):
    pathway: Code


class PathwayQuery(Message):
    """`told`: what was just done."""

    told: Literal["", "published", "retired"] = ""
    lang: str | None = None


class NewPathway(Message):
    """The name it has in addresses: small letters, digits and hyphens."""

    code: Annotated[str, Field(max_length=1000)] = ""

    @property
    def fits(self) -> bool:
        return is_code(self.code)

"""Care pathways as data: what a visit or a diagnosis asks of whom, step by step. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.followups.parts import Facing, Priority, TaskKind, UnfitDelay, Whose, Wish
from telehealth.followups.reading import parse_delay
from telehealth.followups.rules import asks_patient
from telehealth.scheduling.recurrence.rules import InvalidRecurrence, expand

MOST_STEPS, MOST_TRIGGERS, LONGEST_NAME = 20, 50, 120
CODE = "[a-z0-9][a-z0-9-]{0,39}"
CAUSE = "care_pathway"  # what the history of a task tells of where it came from
# A repetition begins on whatever day the visit ended: it has to make sense from each of them.
ANY_DAY = (datetime(2027, 1, 1, 12), datetime(2027, 1, 31, 12))  # noqa: DTZ001 -- clock readings


class CodeSystem(StrEnum):
    ICD_10 = "icd-10"
    SNOMED_CT = "snomed-ct"


class Cause(StrEnum):
    """What set a pathway going."""

    VISIT_TYPE = "visit_type"
    DIAGNOSIS = "diagnosis"
    BY_HAND = "by_hand"


class PathwayRuns(Refusal):
    kind, slug, title = Kind.CONFLICT, "pathway-runs", "This pathway has been started for this visit already"


class VisitVoid(Refusal):
    kind, slug, title = Kind.CONFLICT, "visit-void", "This visit was cancelled or entered in error"


@dataclass(frozen=True, slots=True)
class Fault:
    """`field` is `code`, `visit_types`, `diagnoses`, or the part of a step: `repeat_2`, steps counting from 1."""

    field: str
    code: str


class UnfitPathway(Refusal):
    """`faults` say by field what is wrong: `required`, `delay`, `repeat`, `earlier` (than which step?) or `invalid`."""

    kind, slug, title = Kind.INVALID, "unfit-pathway", "This pathway does not make sense"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(faults=[{"field": each.field, "code": each.code} for each in self.faults])


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A code as it was written, in capitals. Of a pathway, an ICD-10 code stands for all that begin with it."""

    system: CodeSystem
    code: str

    def covers(self, other: "Diagnosis") -> bool:
        """SNOMED CT's numbers have no meaning, nor has their beginning (SNOMED CT, Technical Implementation Guide)."""
        if self.system is not other.system:
            return False
        if self.system is CodeSystem.SNOMED_CT:
            return self.code == other.code
        return other.code.replace(".", "").startswith(self.code.replace(".", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One task, or a repetition of one. `due_in` counts from when the pathway starts; `after` is the number of an
    earlier step, from 1, or none; `repeat` an RRULE value that ends by COUNT, or empty; `questionnaire` the code of
    what the patient is asked to answer, or empty.
    """

    kind: TaskKind
    title: str = ""
    due_in: str = "0d"
    window: str = ""
    owner: Whose = Whose.CLINICIAN
    facing: Facing | None = None
    priority: Priority = Priority.ROUTINE
    after: int | None = None
    repeat: str = ""
    checklist: Sequence[str] = ()
    questionnaire: str = ""

    def wish(self, after_id: UUID | None) -> Wish:
        """What is asked of follow-up tasks."""
        return Wish(
            title=self.title,
            due_in=self.due_in,
            kind=self.kind,
            owner=self.owner.owner,
            facing=self.facing,
            priority=self.priority,
            window=self.window,
            after_id=after_id,
            checklist=tuple(self.checklist),
            repeat=self.repeat,
            questionnaire=self.questionnaire,
            cause=CAUSE,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an administrator decides: for which kinds of visits and diagnoses, and what is to be done then."""

    name: str
    visit_types: Sequence[str] = ()
    diagnoses: Sequence[Diagnosis] = ()
    steps: Sequence[Step] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pathway:
    """One version. `code` names the pathway in all its versions; `published_by` is an account."""

    id: UUID
    code: str
    version: int
    content: Content
    published_at: datetime
    published_by: UUID | None = None
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A pathway that was started for a visit: why, by whom (none is the system), and the tasks it made."""

    id: UUID
    visit_id: UUID
    pathway: Pathway
    cause: Cause
    started_at: datetime
    started_by: UUID | None
    cancelled_at: datetime | None = None
    cancelled_by: UUID | None = None
    tasks: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a visit. `visit_type` is empty unless the visit took place; `void`: nothing follows from it."""

    visit_type: str = ""
    diagnoses: Collection[Diagnosis] = ()
    void: bool = False

    def causes(self, content: Content) -> frozenset[Cause]:
        """Why the pathway is asked for; empty when it is not."""
        if self.void:
            return frozenset()
        met = any(each.covers(found) for each in content.diagnoses for found in self.diagnoses)
        given = self.visit_type in content.visit_types
        return frozenset(cause for cause, holds in ((Cause.VISIT_TYPE, given), (Cause.DIAGNOSIS, met)) if holds)

    def wants(self, run: Run) -> bool:
        """Whether what was started is still asked for, by the version that was started."""
        if run.cause is Cause.BY_HAND:
            return not self.void
        return bool(self.causes(run.pathway.content))


# Diagnoses as people write them: `ICD-10 I10`, `ICD-10-CM: E11.9, I10`, `SNOMED CT 38341003`.

_ICD_CODE = r"[A-Z]\d(?:[0-9A-Z](?:\.[0-9A-Z]{1,4})?)?\b"
_SNOMED_CODE = r"\d{6,18}\b"
_APART = r"\s*[,;]\s*"
_WRITTEN = re.compile(
    rf"\bICD-?\s?10(?:-[A-Z]{{2,3}})?\s*:?\s+(?P<icd>{_ICD_CODE}(?:{_APART}{_ICD_CODE})*)"
    rf"|\bSNOMED(?:[ -]CT)?\s*:?\s+(?P<snomed>{_SNOMED_CODE}(?:{_APART}{_SNOMED_CODE})*)",
    re.ASCII | re.IGNORECASE,
)
_NAMES = {CodeSystem.ICD_10: "ICD-10", CodeSystem.SNOMED_CT: "SNOMED CT"}


def diagnoses(text: str) -> tuple[Diagnosis, ...]:
    """The codes in a text that say of which system they are; what else it says is passed over."""
    found = [
        Diagnosis(CodeSystem.ICD_10 if match["icd"] else CodeSystem.SNOMED_CT, code.upper())
        for match in _WRITTEN.finditer(text)
        for code in re.split(_APART, match["icd"] or match["snomed"])
    ]
    return tuple(dict.fromkeys(found))


def read_diagnoses(typed: str) -> tuple[Diagnosis, ...]:
    """The same where nothing else may be said. Raises UnfitPathway."""
    if _WRITTEN.sub("", typed).strip(" ,;\r\n\t"):
        raise UnfitPathway([Fault("diagnoses", "invalid")])
    return diagnoses(typed)


def written_diagnoses(found: Iterable[Diagnosis]) -> str:
    """As `read_diagnoses` reads them."""
    return "; ".join(f"{_NAMES[each.system]} {each.code}" for each in found)


def is_code(text: str) -> bool:
    return re.fullmatch(CODE, text) is not None


def faults(content: Content, visit_types: Collection[str], questionnaires: Collection[str]) -> list[Fault]:
    """What is wrong, from top to bottom. `visit_types` and `questionnaires` are the codes of those there are."""
    found = [] if set(content.visit_types) <= set(visit_types) else [Fault("visit_types", "invalid")]
    found += [] if content.steps else [Fault("kind_1", "required")]
    for number, step in enumerate(content.steps, start=1):
        found += [Fault(f"{part}_{number}", code) for part, code in _wrong(step, number)]
        if step.questionnaire and not (asks_patient(step.wish(None)) and step.questionnaire in questionnaires):
            found.append(Fault(f"questionnaire_{number}", "invalid"))
    return found


def _wrong(step: Step, number: int) -> list[tuple[str, str]]:
    checks = (
        ("kind", "invalid", step.kind is TaskKind.COSIGN),
        ("title", "required", step.kind is TaskKind.CUSTOM and not step.title),
        ("due_in", "delay", step.due_in != "0d" and not _is_delay(step.due_in)),
        ("window", "delay", bool(step.window) and not _is_delay(step.window)),
        ("after", "earlier", step.after is not None and not 1 <= step.after < number),
        ("repeat", "repeat", bool(step.repeat) and not _repeats(step.repeat)),
    )
    return [(part, code) for part, code, wrong in checks if wrong]


def _is_delay(text: str) -> bool:
    try:
        parse_delay(text)
    except UnfitDelay:
        return False
    return True


def _repeats(rule: str) -> bool:
    parts = {each.partition("=")[0].upper() for each in rule.split(";")}
    if not parts <= {"FREQ", "INTERVAL", "COUNT"}:
        return False
    try:
        for day in ANY_DAY:
            expand(rule, day, "UTC")
    except InvalidRecurrence:
        return False
    return True

"""How the house's words become FHIR R4's: statuses, dates, references. Tables a site can read; pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.followups.parts import FollowUp, TaskStatus
from telehealth.followups.rules import DEVICE_ALERT
from telehealth.monitoring.rules import ORIGIN
from telehealth.records.notes.amendments import DocumentStatus
from telehealth.visits.lifecycle.rules import VisitStatus

# A document's versionId grows with its status, which never goes back.
DOCUMENT_VERSION: Mapping[DocumentStatus, str] = {each: str(at) for at, each in enumerate(DocumentStatus, 1)}
# Task.status (FHIR R4, section 12.4): what waits for another is on hold; what was not done, for a reason, rejected.
TASK_STATUS: Mapping[TaskStatus, str] = {
    TaskStatus.PLANNED: "requested",
    TaskStatus.DUE: "ready",
    TaskStatus.REMINDED: "ready",
    TaskStatus.ESCALATED: "ready",
    TaskStatus.DONE: "completed",
    TaskStatus.CANCELLED: "cancelled",
    TaskStatus.SKIPPED: "rejected",
}
WAITING = "on-hold"
MEASURED = (DEVICE_ALERT, ORIGIN)  # tasks whose title says what was measured or answered
TASK_SYSTEM = "urn:uuid:3d5f6a52-6c0e-4a86-9a55-0f3f8f1c7f41"  # of Task.identifier
TASK_KIND_SYSTEM = "urn:uuid:8b1d2f0c-2a77-4d0a-8f0e-5c9d3e6b7a12"  # of Task.code
TASK_STATE_SYSTEM = (
    "urn:uuid:f4b0c6de-51a9-4c3b-bb7a-7e2d9a41c053"  # of Task.businessStatus: how far reminding has come
)
TASK_POOL_SYSTEM = "urn:uuid:0c8e7b15-93d4-4f6e-a2c1-b6f50d3e8a97"  # of Task.performerType
SERIES_SYSTEM = "urn:uuid:a6e2d9c4-07b8-4e51-9d3f-1c4b8f7a2e60"  # of Task.groupIdentifier
ANSWERED = "completed"  # QuestionnaireResponse.status: what is answered is answered once
RESPONSE_SYSTEM = "urn:uuid:5a0d4f0e-86d2-4a39-9f5b-1b6c7b7f2d18"  # of QuestionnaireResponse.identifier
FORM_SYSTEM = "urn:uuid:c2f9a7b1-3c0e-4f3a-8d57-9e4d1a6b0f23"  # of Questionnaire.identifier: the codes of questions
VISIT_TYPE_SYSTEM = "urn:uuid:131269b4-f334-4df2-8173-01341bd43277"  # of Slot.serviceType: the codes of visit types


class UnfitSearch(Refusal):
    """A search parameter has a value, modifier or prefix this server does not know."""

    kind, slug, title = Kind.INVALID, "unfit-search", "The search cannot be understood"


class ResourceType(StrEnum):
    APPOINTMENT = "Appointment"
    ENCOUNTER = "Encounter"
    DOCUMENT_REFERENCE = "DocumentReference"
    TASK = "Task"
    QUESTIONNAIRE_RESPONSE = "QuestionnaireResponse"


@dataclass(frozen=True, slots=True)
class Span:
    """Instants from `start`, inclusive, to `before`, exclusive; None is open."""

    start: datetime | None = None
    before: datetime | None = None

    def within(self, other: "Span") -> "Span":
        """What lies in both."""
        starts = [each for each in (self.start, other.start) if each is not None]
        ends = [each for each in (self.before, other.before) if each is not None]
        return Span(max(starts, default=None), min(ends, default=None))


ALWAYS = Span()
_DATE = re.compile(
    r"(?P<prefix>[a-z]{2})?(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<time>\d\d:\d\d(:\d\d(\.\d{1,6})?)?)(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)


def parse_dates(values: Iterable[str]) -> Span:
    """All of them at once (FHIR R4, section 3.1.1.4.7). Without an offset a value is UTC. Raises UnfitSearch."""
    span = ALWAYS
    for value in values:
        span = span.within(_parse_date(value))
    return span


def _parse_date(value: str) -> Span:
    match = _DATE.fullmatch(value)
    if match is None:
        raise UnfitSearch("a date is written like ge2026-03-02 or lt2026-03-02T09:00:00Z")
    try:
        start, end = _meant(match)
    except (ValueError, OverflowError):
        raise UnfitSearch("there is no such date") from None
    spans = {
        "eq": Span(start, end),
        "ge": Span(start, None),
        "gt": Span(end, None),
        "le": Span(None, end),
        "lt": Span(None, start),
    }
    prefix = match["prefix"] or "eq"
    if prefix not in spans:
        raise UnfitSearch("a date may begin with eq, ge, gt, le or lt")
    return spans[prefix]


def _meant(match: re.Match[str]) -> tuple[datetime, datetime]:
    """The implicit range of a value of that precision."""
    year, month, day = int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)
    if match["time"]:
        text = f"{match['year']}-{match['month']}-{match['day']}T{match['time']}{match['zone'] or 'Z'}"
        start = datetime.fromisoformat(text).astimezone(UTC)
        precise = "." in match["time"]
        seconds = match["time"].count(":") == 2
        step = timedelta(microseconds=1000) if precise else timedelta(seconds=1) if seconds else timedelta(minutes=1)
        return start, start + step
    start = datetime(year, month, day, tzinfo=UTC)
    if match["day"]:
        return start, start + timedelta(days=1)
    if match["month"]:
        return start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return start, datetime(year + 1, 1, 1, tzinfo=UTC)


def parse_moment(text: str) -> Span:
    """A dateTime without a prefix, as the span it stands for: an instant, or a whole day, month or year in UTC.

    Raises UnfitSearch.
    """
    if not text[:1].isdigit():
        raise UnfitSearch("a dateTime is written like 2026-03-02T09:00:00Z")
    span = _parse_date(text)
    return Span(span.start, span.start) if "T" in text else span


def parse_codes(text: str, system: str) -> frozenset[str]:
    """Tokens separated by commas, `code` or `system|code`; one of another system is nobody's."""
    pairs = [each.rpartition("|") for each in text.split(",")]
    return frozenset(code for named, bar, code in pairs if not bar or named == system)


def parse_references(text: str, resource_type: str) -> frozenset[UUID]:
    """References separated by commas, `Type/id` or `id`; what is none of ours matches nothing."""
    return parse_ids(",".join(each.removeprefix(f"{resource_type}/") for each in text.split(",")))


def parse_ids(text: str) -> frozenset[UUID]:
    """`_id`: one or more, separated by commas. What is no id of ours matches nothing."""
    return frozenset(found for each in text.split(",") if (found := _uuid(each)) is not None)


def parse_patient(text: str) -> UUID | None:
    """`Patient/<id>` or `<id>`; None when it can be nobody here."""
    return _uuid(text.removeprefix("Patient/"))


def statuses_of(text: str, table: Mapping[VisitStatus, str]) -> frozenset[VisitStatus]:
    """The visit's states behind FHIR codes separated by commas; a code nobody has matches nothing."""
    wanted = {each.rpartition("|")[2] for each in text.split(",")}
    return frozenset(status for status, code in table.items() if code in wanted)


def task_status(task: FollowUp) -> str:
    return WAITING if task.blocked and task.status is TaskStatus.PLANNED else TASK_STATUS[task.status]


def instant(at: datetime) -> str:
    """FHIR R4 instant: to the millisecond, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uuid(text: str) -> UUID | None:
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text else None

"""What a device tells of a patient: which device, what it measured, how grave it is, and what is refused. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import IntegrationId, PatientId, TaskId, VisitId

LONGEST_IDENTIFIER, LONGEST_NAME, LONGEST_NOTE, LONGEST_CODE, LONGEST_UNIT = 200, 100, 500, 40, 30


class Severity(StrEnum):
    """Alarm priorities of IEC 60601-1-8, the least grave first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class CodeSystem(StrEnum):
    """Where the code of what was measured is from: LOINC, or the nomenclature of ISO/IEEE 11073 (MDC)."""

    LOINC = "http://loinc.org"
    MDC = "urn:iso:std:iso:11073:10101"


class UnfitAlert(Refusal):
    """`fault` is `ahead`: raised_at is more than five minutes to come; or `old`: it is more than seven days ago."""

    kind, slug, title = Kind.INVALID, "unfit-alert", "This alert was not raised lately"


class AlertDiffers(Refusal):
    kind, slug, title = Kind.CONFLICT, "alert-differs", "You have sent another alert with this identifier"


class TooManyAlerts(Refusal):
    """You have told as many of this severity within a minute as are taken of you, or of this device. Nothing was kept:
    `retry_after` says in how many seconds to send the same again. An alert of another severity does not wait for that.
    """

    kind, slug, title = Kind.BUSY, "too-many-alerts", "Too many alerts of this severity within a minute"


class NoVisit(Refusal):
    """Somebody has to call them without us: a task hangs on a visit, and this patient never had one."""

    kind, slug, title = Kind.CONFLICT, "no-visit", "This patient has no visit here that a task could come of"


@dataclass(frozen=True, slots=True)
class Device:
    """`identifier` is what its platform calls it, such as a serial number."""

    name: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Code:
    """What was measured; `text` is what it is called."""

    system: CodeSystem
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Quantity:
    """`unit` is a UCUM code."""

    value: Decimal
    unit: str

    @property
    def written(self) -> str:
        return f"{self.value.normalize():f} {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An alert as an integration tells of it; `identifier` is its own. All of it may be about the patient's health."""

    identifier: str
    patient_id: PatientId
    device: Device
    code: Code
    severity: Severity
    raised_at: datetime
    quantity: Quantity | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What became of it: whoever sees to it has the task, which hangs on that visit; none where the clinic wants
    none.
    """

    id: UUID
    integration_id: IntegrationId
    visit_id: VisitId
    task_id: TaskId | None
    report: Report
    received_at: datetime
    resolved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Alerts:
    """The latest of them, and how many there are."""

    latest: tuple[Alert, ...]
    count: int

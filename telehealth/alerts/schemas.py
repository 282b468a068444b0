"""Alerts of devices on the wire."""

from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field

from telehealth.alerts.parts import (
    LONGEST_CODE,
    LONGEST_IDENTIFIER,
    LONGEST_NAME,
    LONGEST_NOTE,
    LONGEST_UNIT,
    Alert,
    Alerts,
    Code,
    CodeSystem,
    Device,
    Quantity,
    Report,
    Severity,
)
from telehealth.core.ids import PatientId
from telehealth.http.schemas import Instant, Message

MOST, PLACES = 1_000_000_000, 6
PRINTABLE, VISIBLE = r"^[!-~]([ -~]*[!-~])?$", r"^[!-~]+$"
Identifier = Annotated[str, Field(min_length=1, max_length=LONGEST_IDENTIFIER, pattern=PRINTABLE)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"\S")]


class DeviceContent(Message):
    """What people call it, and what its platform does, such as a serial number."""

    name: Name
    identifier: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=PRINTABLE)]


class CodeContent(Message):
    """What was measured: a code of LOINC or of ISO/IEEE 11073 (MDC), and its name."""

    system: CodeSystem
    code: Annotated[str, Field(min_length=1, max_length=LONGEST_CODE, pattern=VISIBLE, examples=["8480-6"])]
    text: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"\S", examples=["Systolic pressure"])]


def rounded(value: Decimal) -> Decimal:
    """To six decimal places: devices that reckon in binary send many more."""
    places = value.as_tuple().exponent
    return round(value, PLACES) if isinstance(places, int) and -places > PLACES else value


class QuantityContent(Message):
    """`unit` is a UCUM code; six decimal places are kept of `value`."""

    value: Annotated[Decimal, Field(ge=-MOST, le=MOST, examples=["192"]), AfterValidator(rounded)]
    unit: Annotated[str, Field(min_length=1, max_length=LONGEST_UNIT, pattern=VISIBLE, examples=["mm[Hg]"])]


class DeviceAlertContent(Message):
    """`identifier` is the sender's own of this alert: sent again, the same alert is the same. `raised_at` lies within
    the last seven days. `severity` is the alarm priority of IEC 60601-1-8.
    """

    patient_id: UUID
    identifier: Identifier
    device: DeviceContent
    code: CodeContent
    severity: Severity
    raised_at: Instant
    quantity: QuantityContent | None = None
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""

    def report(self) -> Report:
        return Report(
            identifier=self.identifier,
            patient_id=PatientId(self.patient_id),
            device=Device(self.device.name, self.device.identifier),
            code=Code(self.code.system, self.code.code, self.code.text),
            severity=self.severity,
            raised_at=self.raised_at,
            quantity=None if self.quantity is None else Quantity(self.quantity.value, self.quantity.unit),
            note=self.note,
        )


class DeviceAlertView(DeviceAlertContent):
    """`task_id` is the follow-up task of clinicians; null where the clinic wants none of alerts."""

    id: UUID
    task_id: UUID | None
    received_at: Instant
    resolved_at: Instant | None

    @classmethod
    def of(cls, alert: Alert) -> Self:
        told = alert.report
        return cls(
            patient_id=told.patient_id,
            identifier=told.identifier,
            device=DeviceContent.model_validate(told.device),
            code=CodeContent.model_validate(told.code),
            severity=told.severity,
            raised_at=told.raised_at,
            quantity=None if told.quantity is None else QuantityContent.model_validate(told.quantity),
            note=told.note,
            id=alert.id,
            task_id=alert.task_id,
            received_at=alert.received_at,
            resolved_at=alert.resolved_at,
        )


class DeviceAlertsView(Message):
    """The latest fifty, the last first, and how many there are."""

    items: list[DeviceAlertView]
    count: int

    @classmethod
    def of(cls, found: Alerts) -> Self:
        return cls(items=[DeviceAlertView.of(each) for each in found.latest], count=found.count)

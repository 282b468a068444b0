"""What happens to alerts. Boards are woken; who is told by mail is told on the floor above."""

from dataclasses import dataclass
from uuid import UUID

from telehealth.core.events import Event
from telehealth.core.ids import AlertId, ClinicianId
from telehealth.visits.lifecycle.events import FRONT_DESK_TOPIC, clinician_topic


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvent(Event):
    """`clinician_id` gives the visit it is about; None for an entry in the queue."""

    alert_id: AlertId
    clinician_id: ClinicianId | None

    def topics(self) -> tuple[str, ...]:
        own = () if self.clinician_id is None else (clinician_topic(self.clinician_id),)
        return (FRONT_DESK_TOPIC, *own)


class AlertRaised(AlertEvent):
    __slots__ = ()


class AlertAcknowledged(AlertEvent):
    __slots__ = ()


class AlertClosed(AlertEvent):
    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTold(Event):
    """It was somebody's turn to get a mail. `kind`, `whom` and `role` are words of AlertKind, Audience, Role."""

    alert_id: AlertId
    kind: str
    whom: str
    role: str
    recipient_id: UUID

    def topics(self) -> tuple[str, ...]:
        return (clinician_topic(ClinicianId(self.recipient_id)),) if self.role == "clinician" else ()

"""What happens in the queue."""

from dataclasses import dataclass
from uuid import UUID

from telehealth.core.events import Event

QUEUE_TOPIC = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMoved(Event):
    """Someone came into the queue, left it, was taken from it, or lost or got back the connection."""

    entry_id: UUID

    def topics(self) -> tuple[str, ...]:
        return (QUEUE_TOPIC,)

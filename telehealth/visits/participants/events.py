"""What happened to those who take part in a visit. Each wakes the pages of the visit and of the front desk."""

from dataclasses import dataclass

from telehealth.core.events import Event
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.visits.lifecycle.events import FRONT_DESK_TOPIC, visit_topic


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantEvent(Event):
    visit_id: VisitId
    participant_id: ParticipantId

    def topics(self) -> tuple[str, ...]:
        return (visit_topic(self.visit_id), FRONT_DESK_TOPIC)


class ParticipantInvited(ParticipantEvent):
    """A personal link is to be sent, for the first time or again."""

    __slots__ = ()


class ParticipantMoved(ParticipantEvent):
    """They came, wait, were let in, are in the call, went: how far they have come has changed."""

    __slots__ = ()


class ParticipantRemoved(ParticipantEvent):
    """Put out of the visit, or the invitation taken back: their link and their open pages end."""

    __slots__ = ()


class LinkLocked(ParticipantEvent):
    """Too many wrong answers at a personal link: somebody should call them."""

    __slots__ = ()

"""What happens on the waitlist."""

from dataclasses import dataclass

from telehealth.core.events import Event
from telehealth.core.ids import OfferId, PatientId

WAITLIST_TOPIC = "waitlist"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade(Event):
    """A time that came free was offered to a patient who waits; they are to hear of it at once."""

    offer_id: OfferId
    patient_id: PatientId

    def topics(self) -> tuple[str, ...]:
        return (WAITLIST_TOPIC,)

"""What the waitlist says and hears on the wire."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from telehealth.core.ids import ClinicianId, WaitlistEntryId
from telehealth.http.schemas import Instant, Message
from telehealth.scheduling.availability.schemas import clock_time, minute_of_day
from telehealth.scheduling.waitlist.rules import (
    LONGEST_TO_ANSWER,
    MINUTE,
    SHORTEST_TO_ANSWER,
    Entry,
    EntryState,
    Offer,
    OfferMode,
    OfferState,
    Skip,
    Terms,
    Wish,
)

Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
EndOfDay = Annotated[str, Field(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
Weekday = Annotated[int, Field(ge=1, le=7)]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
Minutes = Annotated[int, Field(ge=SHORTEST_TO_ANSWER // MINUTE, le=LONGEST_TO_ANSWER // MINUTE)]
Near = Annotated[Instant, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]
LONGEST_FREE = timedelta(hours=24)
MOST_LEAD = 30 * 24 * 60


class WishView(Message):
    """A time of day on the patient's own clock; without weekdays (ISO, 1 is Monday) any day."""

    start: Clock = "00:00"
    end: EndOfDay = "24:00"
    weekdays: Annotated[list[Weekday], Field(max_length=7, default_factory=list)]

    def wish(self) -> Wish:
        return Wish(start=minute_of_day(self.start), end=minute_of_day(self.end), weekdays=frozenset(self.weekdays))

    @classmethod
    def of(cls, wish: Wish) -> Self:
        return cls(start=clock_time(wish.start), end=clock_time(wish.end), weekdays=sorted(wish.weekdays))


class Asking(Message):
    """What one who waits asks for. `first` and `last` are inclusive dates in the patient's zone.

    Without clinicians, anyone. The place in the queue is kept whatever changes, but for `priority`.
    """

    clinician_ids: Annotated[list[UUID], Field(max_length=50, default_factory=list)]
    first: Day | None = None
    last: Day | None = None
    wishes: Annotated[list[WishView], Field(max_length=20, default_factory=list)]
    min_lead_minutes: Annotated[int, Field(ge=0, le=MOST_LEAD)] = 0
    priority: Annotated[int, Field(ge=-100, le=100)] = 0

    def terms(self) -> Terms:
        return Terms(
            clinician_ids=frozenset(map(ClinicianId, self.clinician_ids)),
            first=self.first,
            last=self.last,
            wishes=tuple(each.wish() for each in self.wishes),
            min_lead=self.min_lead_minutes,
            priority=self.priority,
        )


class ChangeEntry(Asking):
    """All that one who waits asks for from now on."""

    wishes: Annotated[list[WishView], Field(max_length=20)]


class JoinWaitlist(Asking):
    """`visit_id` names a visit the patient has and would give up for an earlier one, with the same clinician."""

    patient_id: UUID
    visit_type_id: UUID
    visit_id: UUID | None = None


class OfferView(Message):
    """One time offered to one who waits; it can be answered before `expires_at`."""

    id: UUID
    entry_id: UUID
    patient_id: UUID
    mode: OfferMode
    clinician_id: UUID
    visit_type_id: UUID
    start: datetime
    end: datetime
    expires_at: datetime
    state: OfferState
    visit_id: UUID | None


class EntryView(Message):
    """One who waits. `offer` is the one that can still be answered, if any."""

    id: UUID
    patient_id: UUID
    visit_type_id: UUID
    clinician_ids: list[UUID]
    first: date | None
    last: date | None
    wishes: list[WishView]
    min_lead_minutes: int
    priority: int
    joined_at: datetime
    visit_id: UUID | None
    earlier_than: datetime | None
    state: EntryState
    offer: OfferView | None = None

    @classmethod
    def of(cls, entry: Entry, offer: Offer | None = None) -> Self:
        same = ("id", "patient_id", "visit_type_id", "first", "last", "priority", "joined_at", "visit_id")
        return cls(
            **{name: getattr(entry, name) for name in (*same, "earlier_than", "state")},
            clinician_ids=sorted(entry.clinician_ids),
            wishes=[WishView.of(each) for each in entry.wishes],
            min_lead_minutes=entry.min_lead,
            offer=None if offer is None else OfferView.model_validate(offer),
        )


class Waitlist(Message):
    """Everyone who waits, first whose turn it is."""

    items: list[EntryView]

    @classmethod
    def of(cls, entries: Sequence[Entry], offers: Mapping[WaitlistEntryId, Offer]) -> Self:
        return cls(items=[EntryView.of(each, offers.get(each.id)) for each in entries])


class OfferTime(Message):
    """A free time for one who waits, out of turn. It is kept for them while they make up their mind."""

    clinician_id: UUID
    start: Near
    minutes_to_answer: Minutes = 15


class OfferAround(Message):
    """Free time for whoever's turn it is. Without a mode: in turn, or to several at once when it begins soon."""

    clinician_id: UUID
    start: Near
    end: Near
    mode: OfferMode | None = None

    @model_validator(mode="after")
    def _is_a_time(self) -> Self:
        if not timedelta() < self.end - self.start <= LONGEST_FREE:
            raise ValueError("free time begins before it ends, and is a day at most")
        return self


class RoundView(Message):
    """The offers made, and why others who might have come then were passed over, by entry."""

    offers: list[OfferView]
    skipped: dict[UUID, Skip]

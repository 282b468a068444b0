"""What can be booked, and why a time cannot. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.core.time import ZONES
from telehealth.scheduling.availability.rules import DAY

Minutes = Interval[int]
OVERBOOKED_LAYER, BESIDE_LAYER, EXTERNAL_LAYER = 100, 500, 1000
MOST_ROLES_OF_A_KIND = 5  # every choice among them is looked at, which doubles with each


class Audience(StrEnum):
    """For whom a time is sought. Staff and the waitlist are not held to the minimum notice."""

    PATIENT = "patient"
    STAFF = "staff"
    WAITLIST = "waitlist"


class Reason(StrEnum):
    """What `explain` says about a start. The codes are stable; problem documents carry them with hyphens."""

    OK = "ok"
    TOO_SOON = "too_soon"
    TOO_FAR = "too_far"
    NOT_OFFERED = "not_offered"
    NOT_AVAILABLE = "not_available"
    CALENDAR_UNVERIFIED = "calendar_unverified"
    LOCATION_REQUIRED = "location_required"
    JURISDICTION = "jurisdiction"
    SLOT_TAKEN = "slot_taken"
    SESSION_FULL = "session_full"
    DAILY_CAP = "daily_cap"
    WEEKLY_CAP = "weekly_cap"
    RESOURCE_TAKEN = "resource_taken"
    PATIENT_CONFLICT = "patient_conflict"
    HOLD_EXPIRED = "hold_expired"


class SlotRefused(Refusal):
    """`alternatives` lists starts (ISO 8601, UTC) that are free instead."""

    kind, slug, title = Kind.CONFLICT, "slot-refused", "This time cannot be booked"


class TooSoon(SlotRefused):
    kind, slug, title = Kind.INVALID, "too-soon", "This time is too soon"


class TooFar(SlotRefused):
    kind, slug, title = Kind.INVALID, "too-far", "This time is too far ahead"


class NotOffered(SlotRefused):
    kind, slug, title = Kind.INVALID, "not-offered", "This time is not offered"


class NotAvailable(SlotRefused):
    """It was offered, and what is offered has changed since."""

    slug, title = "not-available", "This time is not offered any more"


class CalendarUnverified(SlotRefused):
    """The clinician's outside calendar could not be read lately, so nobody knows whether they are free."""

    slug, title = "calendar-unverified", "This clinician's calendar cannot be checked at the moment"


class LocationRequired(SlotRefused):
    kind, slug, title = Kind.INVALID, "location-required", "Say where the patient will be at the time of the visit"


class NotLicensed(SlotRefused):
    kind, slug, title = Kind.INVALID, "jurisdiction", "The clinician is not licensed where the patient will be"


class SlotTaken(SlotRefused):
    slug, title = "slot-taken", "This time has been taken"


class SessionFull(SlotRefused):
    slug, title = "session-full", "This group visit has no seat left"


class DailyCap(SlotRefused):
    slug, title = "daily-cap", "The clinician takes no more visits of this kind on this day"


class WeeklyCap(SlotRefused):
    slug, title = "weekly-cap", "The clinician takes no more visits of this kind in this week"


class ResourceTaken(SlotRefused):
    """`conflicts` lists the resources, or the kinds of resources, that are not free."""

    slug, title = "resource-taken", "Somebody or something else that the visit needs is not free"


class PatientConflict(SlotRefused):
    slug, title = "patient-conflict", "The patient has another visit at this time"


class HoldExpired(Refusal):
    kind, slug, title = Kind.GONE, "hold-expired", "This time is not held for you any more"


class CalendarBusy(Refusal):
    kind, slug, title = Kind.BUSY, "calendar-busy", "Many people are booking here right now"


class InvalidVisitType(Refusal):
    """`fault` names what contradicts: code, grid, buffers, seats, roles, zone."""

    kind, slug, title = Kind.INVALID, "invalid-visit-type", "This kind of visit does not make sense"


class VisitTypeKnown(Refusal):
    kind, slug, title = Kind.CONFLICT, "visit-type-known", "Another kind of visit has this code"


REFUSALS: Mapping[Reason, type[SlotRefused]] = MappingProxyType(
    {
        Reason.TOO_SOON: TooSoon,
        Reason.TOO_FAR: TooFar,
        Reason.NOT_OFFERED: NotOffered,
        Reason.NOT_AVAILABLE: NotAvailable,
        Reason.CALENDAR_UNVERIFIED: CalendarUnverified,
        Reason.LOCATION_REQUIRED: LocationRequired,
        Reason.JURISDICTION: NotLicensed,
        Reason.SLOT_TAKEN: SlotTaken,
        Reason.SESSION_FULL: SessionFull,
        Reason.DAILY_CAP: DailyCap,
        Reason.WEEKLY_CAP: WeeklyCap,
        Reason.RESOURCE_TAKEN: ResourceTaken,
        Reason.PATIENT_CONFLICT: PatientConflict,
    }
)
SLOT_REFUSALS: tuple[type[Refusal], ...] = tuple(REFUSALS.values())
# What staff may set aside with a reason. Never the law, never the patient's own calendar.
OVERRIDABLE = frozenset(
    {
        Reason.TOO_SOON,
        Reason.TOO_FAR,
        Reason.NOT_OFFERED,
        Reason.CALENDAR_UNVERIFIED,
        Reason.SLOT_TAKEN,
        Reason.DAILY_CAP,
        Reason.WEEKLY_CAP,
    }
)
# What a hold or an offer has promised already; only what is about the patient is asked again.
PROMISED = OVERRIDABLE | {Reason.SESSION_FULL, Reason.RESOURCE_TAKEN}


REMINDERS = (1440, 60, 10)  # minutes before a visit


@dataclass(frozen=True, slots=True, order=True)
class RoleNeed:
    """`count` resources of a kind beside the clinician: of a pool, with a skill, when these are named."""

    kind: str
    pool: str = ""
    skill: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitType:
    """What can be booked. Durations are minutes, the horizon is local dates of the clinician, caps of 0 are none.

    Starts lie on the clinician's local clock (or that of `grid_tz`) where (minutes since local midnight) mod grid =
    offset. The patient may join from `opens_before` the start until `closes_after` the end. Caps count visits of this
    type by the clinician's local date. More than one seat makes it a group visit. A visit may be booked over another
    (`overbook_limit` a stretch of hours) when the no-show risks of those booked add up to `overbook_threshold` percent.
    A call that drops, and a waiting patient who is gone, have `grace` minutes to come back. From the start on it takes
    `patient_no_show_after` minutes until the patient did not come, `provider_no_show_after` until nobody came to a
    patient who waits; `no_show_automatic` has the system itself write that down. `reminders` are how many minutes
    before the start the patient is reminded, the earliest first.
    """

    id: VisitTypeId
    code: str
    name: str
    minutes: int
    buffer_before: int = 0
    buffer_after: int = 0
    buffers_inside_hours: bool = False
    grid: int = 15
    offset: int = 0
    grid_tz: str = ""
    notice: int = 0
    horizon_days: int = 90
    opens_before: int = 30
    closes_after: int = 60
    cap_per_day: int = 0
    cap_per_week: int = 0
    seats: int = 1
    modality: str = "video"
    roles: tuple[RoleNeed, ...] = ()
    first_of_day_only: bool = False
    needs_licence: bool = False
    overbook_limit: int = 0
    overbook_threshold: int = 80
    grace: int = 5
    patient_no_show_after: int = 15
    provider_no_show_after: int = 30
    no_show_automatic: bool = False
    reminders: tuple[int, ...] = REMINDERS

    def occupies(self, start: int) -> Minutes:
        """What a visit beginning at `start` takes from the calendars of everyone in it, buffers included."""
        return Interval(start - self.buffer_before, start + self.minutes + self.buffer_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a search or a booking is about.

    `clinician_ids` are any of, none means everyone; `also` are further resources, all needed. `jurisdiction` is where
    the patient will be; without it counts what the patient attested. The owner's own time is no obstacle.
    """

    visit_type_id: VisitTypeId
    clinician_ids: Sequence[ClinicianId] = ()
    also: tuple[UUID, ...] = ()
    patient_id: PatientId | None = None
    jurisdiction: str | None = None
    audience: Audience = Audience.PATIENT
    except_owner: UUID | None = None
    booking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A time somebody wants.

    `clinician_ids` are any of; none means whoever offers it. `also` are further resources, all needed. `offered` says
    that the time came from a search. `override` is the reason for which staff set the rules aside. `jurisdiction` is
    where the patient will be; what they attested counts when it is absent. `no_show_risk` is percent.
    """

    visit_type_id: VisitTypeId
    patient_id: PatientId
    start: datetime
    clinician_ids: tuple[ClinicianId, ...] = ()
    also: tuple[UUID, ...] = ()
    audience: Audience = Audience.PATIENT
    offered: bool = False
    override: str = ""
    jurisdiction: str | None = None
    no_show_risk: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A free start. `rank` orders clinicians at equal times, another way each day, so that nobody is always first."""

    start: datetime
    rank: int
    clinician_id: ClinicianId
    end: datetime
    seats_left: int = 1

    @property
    def order(self) -> tuple[datetime, int, UUID]:
        return self.start, self.rank, self.clinician_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupied:
    """Time taken. `resources` are all besides the patient, the clinician first."""

    start: datetime
    end: datetime
    time_zone: str
    visit_type: VisitType
    clinician_id: ClinicianId
    resources: tuple[UUID, ...]
    overbooked: bool = False
    session_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    id: UUID
    expires_at: datetime
    visit_type_id: VisitTypeId
    patient_id: PatientId
    clinician_id: ClinicianId
    start: datetime
    end: datetime


def extras_allowed(kind: VisitType, risks: list[int], extras: int) -> int:
    """How many visits may still be booked over others in one stretch of hours.

    Conservative: only when those booked are likely, taken together, to leave a gap; `risks` are percent.
    """
    return max(kind.overbook_limit - extras, 0) if sum(risks) >= kind.overbook_threshold else 0


def check_company(kind: VisitType, also: Sequence[UUID]) -> None:
    """Raises ResourceTaken: a group visit has what its session began with."""
    if kind.seats > 1 and also:
        detail = "A group visit brings along nothing of a patient's own."
        raise ResourceTaken(detail, alternatives=[], conflicts=[str(each) for each in also])


def has_crowded_roles(kinds: Iterable[str]) -> bool:
    """Whether more than five roles are of one kind; several that are alike are one role with a count."""
    return max(Counter(kinds).values(), default=0) > MOST_ROLES_OF_A_KIND


def check_visit_type(kind: VisitType) -> None:
    """Raises InvalidVisitType: `fault` names what contradicts itself."""
    wrong = {
        "grid": not 0 <= kind.offset < kind.grid <= DAY,
        "minutes": not 0 < kind.minutes <= DAY,
        "buffers": not (0 <= kind.buffer_before <= DAY and 0 <= kind.buffer_after <= DAY),
        "seats": kind.seats < 1 or (kind.seats > 1 and kind.overbook_limit > 0),
        "roles": any(need.count < 1 or not need.kind for need in kind.roles)
        or has_crowded_roles(need.kind for need in kind.roles),
        "reminders": list(kind.reminders) != sorted({each for each in kind.reminders if each > 0}, reverse=True),
        "zone": bool(kind.grid_tz) and kind.grid_tz not in ZONES and kind.grid_tz != "UTC",
    }
    for fault, is_wrong in wrong.items():
        if is_wrong:
            raise InvalidVisitType(fault=fault)

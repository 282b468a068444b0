"""What somebody wants of a visit's time, and the visit that comes of it. Pure, like the rules it reads."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from telehealth.core.actors import STAFF, Role
from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, PatientId, VisitId, VisitTypeId
from telehealth.core.time import parse_zone, tzdata_version
from telehealth.scheduling.booking.rules import Audience, Occupied, Wanted
from telehealth.visits.lifecycle.repeats import Policy
from telehealth.visits.lifecycle.rules import Visit, VisitStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The visit somebody wants. `clinician_ids` are any of; none means anyone who offers it.

    `audience` is that of whoever acts when it is absent. `offered` says that the time came from a search. `override` is
    the reason for which staff set the rules aside. `location` is where the patient will be (ISO 3166-1 or -2); what
    they attested counts when it is absent. `no_show_risk` is percent, as staff or an integration say.
    """

    patient_id: PatientId
    visit_type_id: VisitTypeId
    start: datetime
    clinician_ids: tuple[ClinicianId, ...] = ()
    also: tuple[UUID, ...] = ()
    audience: Audience | None = None
    offered: bool = False
    override: str = ""
    location: str | None = None
    no_show_risk: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesWish:
    """Visits somebody wants to repeat. `local_start` is a naive clock reading; without a zone it is the clinician's.

    The rest is as of Wish, and holds for each of them.
    """

    patient_id: PatientId
    visit_type_id: VisitTypeId
    local_start: datetime
    rrule: str
    policy: Policy
    time_zone: str | None = None
    clinician_ids: tuple[ClinicianId, ...] = ()
    also: tuple[UUID, ...] = ()
    location: str | None = None
    no_show_risk: int = 0

    def at(self, start: datetime) -> Wish:
        """One of them."""
        return Wish(
            patient_id=self.patient_id,
            visit_type_id=self.visit_type_id,
            start=start,
            clinician_ids=self.clinician_ids,
            also=self.also,
            location=self.location,
            no_show_risk=self.no_show_risk,
        )


class InvitationOver(Refusal):
    """It expired, or a time was chosen with it, or a newer one took its place."""

    kind, slug, title = Kind.GONE, "invitation-over", "This invitation to choose a time is over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A patient may choose a time for one visit: of this kind, with any of these clinicians, none named being anyone.

    `visit_id` is the visit that came of it.
    """

    id: UUID
    patient_id: PatientId
    visit_type_id: VisitTypeId
    clinician_ids: tuple[ClinicianId, ...]
    expires_at: datetime
    visit_id: VisitId | None = None

    def is_open(self, now: datetime) -> bool:
        return self.visit_id is None and now < self.expires_at


def audience_of(role: Role) -> Audience:
    return Audience.STAFF if role in STAFF else Audience.PATIENT


def wanted(wish: Wish, role: Role) -> Wanted:
    return Wanted(
        visit_type_id=wish.visit_type_id,
        patient_id=wish.patient_id,
        start=wish.start,
        clinician_ids=wish.clinician_ids,
        also=wish.also,
        audience=wish.audience or audience_of(role),
        offered=wish.offered,
        override=wish.override,
        jurisdiction=wish.location,
        no_show_risk=wish.no_show_risk,
    )


def able(visit: Visit) -> tuple[ClinicianId, ...]:
    """Who may give it, also at another time."""
    return (visit.clinician_id,) if visit.team is None else visit.team


def wish_of(visit: Visit, start: datetime | None = None) -> Wish:
    """What was asked for when the visit was booked or requested, at the time it has now, or at that one."""
    return Wish(
        patient_id=visit.patient_id,
        visit_type_id=visit.visit_type_id,
        start=start or visit.starts_at,
        clinician_ids=able(visit),
        also=visit.also,
        location=visit.planned_location,
    )


def free(*_: Occupied) -> dict[str, bool]:
    """The fact that guards ask for; who has it to give has taken the time."""
    return {"time_free": True}


def visit_for(
    wish: Wish, visit_id: UUID, occupied: Occupied, *, now: datetime, status: VisitStatus = VisitStatus.BOOKED
) -> Visit:
    """A visit that comes to be by a wish, with what was taken for it."""
    return Visit(
        id=VisitId(visit_id),
        patient_id=wish.patient_id,
        clinician_id=occupied.clinician_id,
        visit_type_id=occupied.visit_type.id,
        visit_type=occupied.visit_type.code,
        status=status,
        revision=1,
        changed_at=now,
        planned_location=wish.location,
        team=None if len(wish.clinician_ids) == 1 else wish.clinician_ids,
        also=wish.also,
        overbooked=occupied.overbooked,
        tzdata=tzdata_version(),
        time_zone=occupied.time_zone,
        local_start=reading(occupied.start, occupied.time_zone),
        **_times(occupied),
    )


def reading(start: datetime, time_zone: str) -> str:
    """The clock of that zone at that instant, to the minute."""
    return f"{start.astimezone(parse_zone(time_zone)):%Y-%m-%dT%H:%M}"


def _times(occupied: Occupied) -> dict[str, Any]:
    """What the kind of visit says about the time, as it says it now."""
    kind = occupied.visit_type
    return {
        "starts_at": occupied.start,
        "ends_at": occupied.end,
        "opens_at": occupied.start - timedelta(minutes=kind.opens_before),
        "closes_at": occupied.end + timedelta(minutes=kind.closes_after),
        "grace": kind.grace,
        "patient_no_show_after": kind.patient_no_show_after,
        "provider_no_show_after": kind.provider_no_show_after,
        "no_show_automatic": kind.no_show_automatic,
    }


def placed(visit: Visit, occupied: Occupied, local_start: str = "") -> dict[str, Any]:
    """The columns of a time. A visit of a series stays in the zone of its series."""
    zone = visit.time_zone if visit.series_id else occupied.time_zone
    return {
        "clinician_id": occupied.clinician_id,
        "overbooked": occupied.overbooked,
        "tzdata": tzdata_version(),
        "time_zone": zone,
        "local_start": local_start or reading(occupied.start, zone),
        **_times(occupied),
    }


def others(occupied: Occupied) -> tuple[UUID, ...]:
    """What came along by name. What the kind of visit asks for is chosen anew wherever it goes."""
    if occupied.visit_type.roles:
        return ()
    return tuple(each for each in occupied.resources if each != occupied.clinician_id)

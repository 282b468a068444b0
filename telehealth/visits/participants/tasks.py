"""What participants do by themselves: follow their visit, and bring the guardians of a minor along."""

from telehealth.db.unit import Unit
from telehealth.people.events import AuthorityEnded
from telehealth.tasks.work import subscription
from telehealth.visits.lifecycle.events import (
    ClinicianMissed,
    DeviceChecked,
    NobodyAnswered,
    PatientLeft,
    PatientMissed,
    PatientPutBack,
    PatientReady,
    VisitAdmitted,
    VisitBooked,
    VisitCancelled,
    VisitCorrected,
    VisitEnded,
    VisitEvent,
    VisitFailed,
    VisitInterrupted,
    VisitMarkedAsError,
    VisitResumed,
    VisitStarted,
    VisitTakenOver,
)
from telehealth.visits.participants import service


async def follow(unit: Unit, event: VisitEvent) -> None:
    await service.follow(unit, event.visit_id)


async def bring_guardians(unit: Unit, event: VisitBooked) -> None:
    await service.invite_guardians(unit, event.visit_id)


async def end_authority(unit: Unit, event: AuthorityEnded) -> None:
    await service.end_authority(unit, event.related_person_id)


FOLLOWED: tuple[type[VisitEvent], ...] = (
    DeviceChecked,
    PatientReady,
    PatientPutBack,
    NobodyAnswered,
    VisitAdmitted,
    VisitStarted,
    VisitInterrupted,
    VisitResumed,
    VisitEnded,
    VisitCancelled,
    PatientMissed,
    ClinicianMissed,
    PatientLeft,
    VisitFailed,
    VisitMarkedAsError,
    VisitCorrected,
    VisitTakenOver,
)
SUBSCRIPTIONS = (
    *(subscription(each, follow) for each in FOLLOWED),
    subscription(VisitBooked, bring_guardians),
    subscription(AuthorityEnded, end_authority),
)

"""All the ways in to one visit."""

from datetime import datetime
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, if_match
from telehealth.http.operation import PUBLIC, operation, page
from telehealth.http.sse import EVENTS, stream
from telehealth.scheduling.booking.rules import LocationRequired
from telehealth.visits.lifecycle import pages, queries, service
from telehealth.visits.lifecycle.events import visit_topic
from telehealth.visits.lifecycle.rules import JurisdictionMismatch, NotNow, Visit
from telehealth.visits.lifecycle.schemas import (
    AttestLocation,
    CancelVisit,
    CheckReport,
    GuestVisitView,
    JoinView,
    LifecycleView,
    VisitView,
)

Seen = tuple[Visit, datetime]

# Staff


async def read_visit(call: Call, visit: UUID) -> Reply[VisitView]:
    """One visit, and what can be done with it now."""
    return _shown(call, await call.run(_open, visit))


async def cancel_visit(call: Call, visit: UUID, body: CancelVisit) -> Reply[VisitView]:
    """Cancel a visit that has not begun; its time is free again."""
    return _shown(call, await call.run(_cancel, visit, body.reason, if_match(call)))


async def admit_patient(call: Call, visit: UUID) -> Reply[VisitView]:
    """Take the patient from the waiting room into the call."""
    return _shown(call, await call.run(_admit, visit, if_match(call)))


async def end_visit(call: Call, visit: UUID) -> Reply[VisitView]:
    """Finish the visit. Hanging up does not."""
    return _shown(call, await call.run(_end, visit, if_match(call)))


async def follow_visit_as_staff(call: Call, visit: UUID) -> Response:
    """Server-sent events: the visit's revision, whenever it changes."""
    await call.run(service.open_visit, visit)

    async def version() -> str:
        return await call.run(queries.visit_version, visit)

    return stream(call, (visit_topic(VisitId(visit)),), version)


# Patients


async def arrive(call: Call, visit: UUID) -> GuestVisitView:
    """Say that you are here."""
    return _to_guest(await call.run(service.arrive, visit))


async def check_devices(call: Call, visit: UUID, body: CheckReport) -> GuestVisitView:
    """Tell how camera, microphone and network did."""
    return _to_guest(await call.run(service.record_check, visit, body.judged()))


async def attest_location(call: Call, visit: UUID, body: AttestLocation) -> GuestVisitView:
    """Say where you are: the clinician may treat you only in a place they are licensed for."""
    return _to_guest(await call.run(service.attest_location, visit, body.jurisdiction))


async def read_join(call: Call, visit: UUID) -> JoinView:
    """Whether you can join now; if not: why, from when, and whom to call."""
    return JoinView.model_validate(await call.run(queries.join_decision, visit))


async def read_lifecycle(call: Call) -> LifecycleView:  # noqa: ARG001 -- the same for everyone
    """The states of a visit, the commands between them, who may give them, and when."""
    return LifecycleView.of_table()


def _shown(call: Call, seen: Seen) -> Reply[VisitView]:
    visit, now = seen
    return Reply(VisitView.of(visit, call.actor.role, now), headers=etag(visit.revision))


def _to_guest(visit: Visit) -> GuestVisitView:
    return GuestVisitView.model_validate(visit)


async def _open(unit: Unit, visit_id: UUID) -> Seen:
    return await service.open_visit(unit, visit_id), unit.now


async def _cancel(unit: Unit, visit_id: UUID, reason: str, revision: int | None) -> Seen:
    return await service.cancel(unit, visit_id, reason=reason, revision=revision), unit.now


async def _admit(unit: Unit, visit_id: UUID, revision: int | None) -> Seen:
    return await service.admit(unit, visit_id, revision=revision), unit.now


async def _end(unit: Unit, visit_id: UUID, revision: int | None) -> Seen:
    return await service.end(unit, visit_id, revision=revision), unit.now


_BOOK, _READ, _HOST, _JOIN = Scope.VISITS_BOOK, Scope.VISITS_READ, Scope.VISITS_HOST, Scope.VISITS_JOIN
_START = (NotFound, NotNow, LocationRequired, JurisdictionMismatch)
_CARE, _OWN = Purpose.TREATMENT, Purpose.PATIENT_REQUEST
VISIT = "/v1/visits/{visit:uuid}"
OPERATIONS = (
    operation("GET", VISIT, read_visit, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    operation("POST", f"{VISIT}/cancel", cancel_visit, needs=_BOOK, purpose=_CARE, errors=(NotFound, NotNow, Stale)),
    operation("POST", f"{VISIT}/admit", admit_patient, needs=_HOST, purpose=_CARE, errors=(*_START, Stale)),
    operation("POST", f"{VISIT}/end", end_visit, needs=_HOST, purpose=_CARE, errors=(NotFound, NotNow, Stale)),
    operation("GET", f"{VISIT}/changes", follow_visit_as_staff, needs=_READ, purpose=_CARE, answers=EVENTS),
    operation("POST", f"{VISIT}/arrive", arrive, needs=_JOIN, purpose=_OWN, errors=(NotFound, NotNow)),
    operation("POST", f"{VISIT}/check", check_devices, needs=_JOIN, purpose=_OWN, errors=(NotFound, NotNow)),
    operation("POST", f"{VISIT}/location", attest_location, needs=_JOIN, purpose=_OWN, errors=(NotFound, NotNow)),
    operation("GET", f"{VISIT}/join", read_join, needs=_JOIN, purpose=_OWN, errors=(NotFound,)),
    operation("GET", "/v1/lifecycle", read_lifecycle, needs=PUBLIC),
)
PAGES = (
    page("POST", "/visits/{visit:uuid}/admit", pages.admit, needs=_HOST, purpose=_CARE, errors=_START),
    page("POST", "/visits/{visit:uuid}/end", pages.end, needs=_HOST, purpose=_CARE, errors=(NotNow,)),
    page("GET", "/join/{link}", pages.join, needs=PUBLIC),
    page("POST", "/join/{link}", pages.identify, needs=PUBLIC, purpose=_OWN),
)
SOCKETS = ()

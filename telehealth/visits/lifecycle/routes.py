"""All the ways in to one visit."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.responses import PlainTextResponse, Response

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound, Refusal, Stale
from telehealth.core.ids import ClinicianId, VisitId
from telehealth.db.unit import Unit
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, if_match
from telehealth.http.operation import PUBLIC, Documented, Handler, Operation, operation, page
from telehealth.http.sse import EVENTS, stream
from telehealth.scheduling.booking.rules import CalendarBusy, LocationRequired, SlotTaken
from telehealth.visits.lifecycle import pages, queries, service
from telehealth.visits.lifecycle.drawing import diagram
from telehealth.visits.lifecycle.events import visit_topic
from telehealth.visits.lifecycle.rules import JurisdictionMismatch, NotNow, Visit
from telehealth.visits.lifecycle.schemas import (
    AttestLocation,
    CancelVisit,
    CheckReport,
    ChecksView,
    CheckView,
    CorrectVisit,
    FailVisit,
    GuestVisitView,
    HandOver,
    JoinView,
    LifecycleView,
    MarkError,
    MarkNoShow,
    VisitView,
)

Seen = tuple[Visit, datetime]
Given = Callable[..., Awaitable[Visit]]

# Staff


async def read_visit(call: Call, visit: UUID) -> Reply[VisitView]:
    """One visit, and what can be done with it now."""
    return _shown(call, await call.run(_open, visit))


async def cancel_visit(call: Call, visit: UUID, body: CancelVisit) -> Reply[VisitView]:
    """Cancel a visit that has not begun; its time is free again."""
    return await _give(call, service.cancel, visit, reason=body.reason)


async def admit_patient(call: Call, visit: UUID) -> Reply[VisitView]:
    """Take the patient from the waiting room into the call."""
    return await _give(call, service.admit, visit)


async def end_visit(call: Call, visit: UUID) -> Reply[VisitView]:
    """Finish the visit. Hanging up does not."""
    return await _give(call, service.end, visit)


async def check_in_patient(call: Call, visit: UUID) -> Reply[VisitView]:
    """Check the patient in: they are on the phone, or in the room."""
    return await _give(call, service.arrive, visit)


async def wait_on(call: Call, visit: UUID) -> Reply[VisitView]:
    """The admitted patient does not come into the call: they wait on, in the same place."""
    return await _give(call, service.no_answer, visit)


async def put_back(call: Call, visit: UUID) -> Reply[VisitView]:
    """Let the admitted patient wait on, in the same place: something else comes first."""
    return await _give(call, service.put_back, visit)


async def hand_over(call: Call, visit: UUID, body: HandOver) -> Reply[VisitView]:
    """Have another clinician give the visit from now on."""
    return await _give(
        call, service.hand_over, visit, clinician_id=ClinicianId(body.clinician_id), override=body.override
    )


async def mark_left(call: Call, visit: UUID) -> Reply[VisitView]:
    """Write down that the patient went without having been seen."""
    return await _give(call, service.leave, visit)


async def mark_no_show(call: Call, visit: UUID, body: MarkNoShow) -> Reply[VisitView]:
    """Write down who did not come."""
    marked = service.note_patient_no_show if body.who == "patient" else service.note_provider_no_show
    return await _give(call, marked, visit)


async def fail_visit(call: Call, visit: UUID, body: FailVisit) -> Reply[VisitView]:
    """Write down that no contact was possible."""
    return await _give(call, service.fail, visit, reason=body.reason)


async def mark_error(call: Call, visit: UUID, body: MarkError) -> Reply[VisitView]:
    """Write down that the visit should never have been entered. Its history stays."""
    return await _give(call, service.mark_error, visit, reason=body.reason)


async def correct_visit(call: Call, visit: UUID, body: CorrectVisit) -> Reply[VisitView]:
    """Take back a wrong ending, within a day: the visit stands again where it stood before."""
    return await _give(call, service.correct, visit, reason=body.reason)


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
    report = body.model_dump(mode="json")
    return _to_guest(await call.run(service.record_check, visit, body.judged(), report=report))


async def read_checks(call: Call, visit: UUID) -> ChecksView:
    """What the patient's checks of devices and network found."""
    found = await call.run(service.read_checks, visit)
    return ChecksView(items=[CheckView.of(each) for each in found])


async def attest_location(call: Call, visit: UUID, body: AttestLocation) -> GuestVisitView:
    """Say where you are: the clinician may treat you only in a place they are licensed for."""
    return _to_guest(await call.run(service.attest_location, visit, body.jurisdiction))


async def leave(call: Call, visit: UUID) -> GuestVisitView:
    """Say that you do not wait any longer."""
    return _to_guest(await call.run(service.leave, visit))


async def read_join(call: Call, visit: UUID) -> JoinView:
    """Whether you can join now; if not: why, from when, and whom to call."""
    return JoinView.model_validate(await call.run(queries.join_decision, visit))


async def read_lifecycle(call: Call) -> LifecycleView:  # noqa: ARG001 -- the same for everyone
    """The states of a visit, the commands between them, who may give them, and when."""
    return LifecycleView.of_table()


async def draw_lifecycle(call: Call) -> Response:  # noqa: ARG001 -- the same for everyone
    """The same as a state diagram in Mermaid."""
    return PlainTextResponse(diagram())


def _shown(call: Call, seen: Seen) -> Reply[VisitView]:
    visit, now = seen
    return Reply(VisitView.of(visit, call.actor.role, now), headers=etag(visit.revision))


def _to_guest(visit: Visit) -> GuestVisitView:
    return GuestVisitView.model_validate(visit)


async def _open(unit: Unit, visit_id: UUID) -> Seen:
    return await service.open_visit(unit, visit_id), unit.now


async def _give(call: Call, command: Given, visit: UUID, **options: Any) -> Reply[VisitView]:
    """A command that names the revision it is about, when the caller does."""
    return _shown(call, await call.run(_given, command, visit, revision=if_match(call), **options))


async def _given(unit: Unit, command: Given, visit_id: UUID, /, **options: Any) -> Seen:
    return await command(unit, visit_id, **options), unit.now


_BOOK, _READ, _HOST, _JOIN = Scope.VISITS_BOOK, Scope.VISITS_READ, Scope.VISITS_HOST, Scope.VISITS_JOIN
_START = (NotFound, NotNow, LocationRequired, JurisdictionMismatch)
_CARE, _OWN = Purpose.TREATMENT, Purpose.PATIENT_REQUEST
VISIT = "/v1/visits/{visit:uuid}"


def command(word: str, handler: Handler, needs: Scope, *errors: type[Refusal]) -> Operation:
    """One way to change a visit. With an Idempotency-Key the same command twice is done once."""
    known: tuple[type[Refusal], ...] = (NotFound, NotNow, Stale, *errors)
    return operation("POST", f"{VISIT}/{word}", handler, needs=needs, purpose=_CARE, errors=known, keyed=True)


OPERATIONS = (
    operation("GET", VISIT, read_visit, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    command("cancel", cancel_visit, _BOOK),
    command("check-in", check_in_patient, _BOOK),
    command("admit", admit_patient, _HOST, LocationRequired, JurisdictionMismatch),
    command("no-answer", wait_on, _HOST),
    command("put-back", put_back, _HOST),
    command("hand-over", hand_over, _BOOK, SlotTaken, CalendarBusy, LocationRequired, JurisdictionMismatch),
    command("end", end_visit, _HOST),
    command("left", mark_left, _BOOK),
    command("no-show", mark_no_show, _BOOK),
    command("fail", fail_visit, _HOST),
    command("mark-error", mark_error, _BOOK),
    command("correct", correct_visit, _BOOK),
    operation("GET", f"{VISIT}/changes", follow_visit_as_staff, needs=_READ, purpose=_CARE, answers=EVENTS),
    operation("POST", f"{VISIT}/arrive", arrive, needs=_JOIN, purpose=_OWN, errors=(NotFound, NotNow)),
    operation("POST", f"{VISIT}/check", check_devices, needs=_JOIN, purpose=_OWN, errors=(NotFound, NotNow)),
    operation("GET", f"{VISIT}/checks", read_checks, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    operation("POST", f"{VISIT}/location", attest_location, needs=_JOIN, purpose=_OWN, errors=(NotFound, NotNow)),
    operation("POST", f"{VISIT}/leave", leave, needs=_JOIN, purpose=_OWN, errors=(NotFound, NotNow)),
    operation("GET", f"{VISIT}/join", read_join, needs=_JOIN, purpose=_OWN, errors=(NotFound,)),
    operation("GET", "/v1/lifecycle", read_lifecycle, needs=PUBLIC),
    operation("GET", "/v1/lifecycle/diagram", draw_lifecycle, needs=PUBLIC, answers=(Documented(200, "text/plain"),)),
)
PAGES = (
    page("POST", "/visits/{visit:uuid}/admit", pages.admit, needs=_HOST, purpose=_CARE, errors=_START),
    page("POST", "/visits/{visit:uuid}/end", pages.end, needs=_HOST, purpose=_CARE),
    page(
        "GET",
        "/admin",
        pages.administration,
        needs=Scope.VISIT_TYPES_WRITE,
        purpose=Purpose.SYSTEM_ADMINISTRATION,
    ),
)
SOCKETS = ()

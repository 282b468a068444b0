"""The ways in to alerts: staff see and take them on, an admin says how they escalate."""

from datetime import datetime
from uuid import UUID

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound, Stale
from telehealth.db.unit import Unit
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, if_match
from telehealth.http.operation import operation, page
from telehealth.scheduling.booking.rules import LocationRequired
from telehealth.visits.escalation import administration, pages, plans, queries, service
from telehealth.visits.escalation.rules import AlertOver, AlreadyAcknowledged, UnfitLadder
from telehealth.visits.escalation.schemas import (
    AcknowledgedView,
    AlertsView,
    AlertView,
    EscalationRulesView,
    RulesOfTheClinic,
)
from telehealth.visits.lifecycle.rules import JurisdictionMismatch, NotNow, Visit
from telehealth.visits.lifecycle.schemas import VisitView


async def list_alerts(call: Call) -> AlertsView:
    """What concerns you now, longest first: who waits and is not let in, who cannot get in, what could not begin."""
    return await call.run(_alerts)


async def acknowledge(call: Call, alert: UUID) -> AcknowledgedView:
    """Take it on: nobody else is told until it is raised again. Of two, the second hears who was quicker."""
    return AcknowledgedView.model_validate(await call.run(service.acknowledge, alert))


async def take_over(call: Call, visit: UUID) -> Reply[VisitView]:
    """Give the visit in the place of a colleague who does not come: for who was told that its patient waits."""
    taken, now = await call.run(_taken_over, visit, if_match(call))
    return Reply(VisitView.of(taken, call.actor.role, now), headers=etag(taken.revision))


async def _taken_over(unit: Unit, visit_id: UUID, revision: int | None) -> tuple[Visit, datetime]:
    return await service.take_over(unit, visit_id, revision=revision), unit.now


async def read_escalation_rules(call: Call) -> EscalationRulesView:
    """Who is told, after how long, and when what was taken on is raised again."""
    return EscalationRulesView.of(await call.run(queries.rules))


async def set_escalation_rules(call: Call, body: RulesOfTheClinic) -> EscalationRulesView:
    """From now on it goes like this, for alerts that stand open too."""
    await call.run(plans.set_rules, body.ladders(), body.reopening())
    return EscalationRulesView.of(await call.run(queries.rules))


async def _alerts(unit: Unit) -> AlertsView:
    shown = await queries.on_board(unit)
    return AlertsView(version=await queries.mark(unit), items=[AlertView.of(each) for each in shown])


_READ, _BOOK, _WRITE, _CARE = Scope.VISITS_READ, Scope.VISITS_BOOK, Scope.VISIT_TYPES_WRITE, Purpose.TREATMENT
TAKING_ON = (NotFound, AlreadyAcknowledged, AlertOver)
ALERT, RULES = "/v1/alerts/{alert:uuid}", "/v1/escalation-rules"
VISIT = "/v1/visits/{visit:uuid}"
OPERATIONS = (
    operation("GET", "/v1/alerts", list_alerts, needs=_READ, purpose=_CARE),
    operation("POST", f"{ALERT}/acknowledge", acknowledge, needs=_BOOK, purpose=_CARE, errors=TAKING_ON),
    operation(
        "POST",
        f"{VISIT}/take-over",
        take_over,
        needs=Scope.VISITS_HOST,
        purpose=_CARE,
        errors=(NotFound, NotNow, Stale, LocationRequired, JurisdictionMismatch),
        keyed=True,
    ),
    operation("GET", RULES, read_escalation_rules, needs=_WRITE),
    operation("PUT", RULES, set_escalation_rules, needs=_WRITE, errors=(UnfitLadder,)),
)
_STEPS = administration
PAGES = (
    page("GET", administration.PATH, _STEPS.escalation_page, needs=_WRITE),
    page("POST", administration.PATH, _STEPS.save_steps, needs=_WRITE),
    page("POST", f"{administration.PATH}/remove", _STEPS.remove_step, needs=_WRITE),
    page("POST", f"{administration.PATH}/reset", _STEPS.reset_steps, needs=_WRITE),
    page(
        "POST",
        "/alerts/{alert:uuid}/acknowledge",
        pages.acknowledge_on_page,
        needs=_BOOK,
        purpose=_CARE,
        errors=TAKING_ON,
    ),
    page(
        "POST",
        "/visits/{visit:uuid}/take-over",
        pages.take_over_on_page,
        needs=Scope.VISITS_HOST,
        purpose=_CARE,
        errors=(LocationRequired,),
    ),
)
SOCKETS = ()

"""The ways in to follow-up tasks."""

from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Purpose, Scope
from telehealth.followups import queries, service
from telehealth.followups.rules import OPEN, TaskClosed, UnfitDelay, parse_stroke
from telehealth.followups.schemas import FollowUpQuery, FollowUpView, PlanFollowUp, Stroke
from telehealth.http.call import Call
from telehealth.http.operation import operation, page
from telehealth.http.schemas import Page


async def plan_follow_up(call: Call, visit: UUID, body: PlanFollowUp) -> FollowUpView:
    """Plan a task that falls due so much later."""
    return FollowUpView.model_validate(
        await call.run(service.plan, visit, title=body.title.strip(), due_in=body.due_in)
    )


async def list_follow_ups(call: Call, query: FollowUpQuery) -> Page[FollowUpView]:
    """One's own tasks, the most urgent first."""
    statuses = query.status or OPEN
    found = await call.run(
        queries.follow_ups, statuses=statuses, visit_id=query.visit, after=query.after, limit=query.limit
    )
    following = str(found[-1].id) if len(found) == query.limit else None
    return Page(items=[FollowUpView.model_validate(each) for each in found], next=following)


async def finish_follow_up(call: Call, task: UUID) -> FollowUpView:
    """The task is done; saying so twice is no fault."""
    return FollowUpView.model_validate(await call.run(service.done, task))


async def cancel_follow_up(call: Call, task: UUID) -> FollowUpView:
    """The task is no longer wanted."""
    return FollowUpView.model_validate(await call.run(service.cancel, task))


async def plan_on_page(call: Call, visit: UUID, body: Stroke) -> Response:
    """The room's form, for a browser without scripts."""
    title, due_in = parse_stroke(body.stroke)
    await call.run(service.plan, visit, title=title, due_in=due_in)
    return call.redirect(f"/visits/{visit}")


async def finish_on_page(call: Call, task: UUID) -> Response:
    """The board's button."""
    await call.run(service.done, task)
    return call.redirect("/day")


_WRITE, _CARE = Scope.FOLLOW_UPS_WRITE, Purpose.TREATMENT
OPERATIONS = (
    operation(
        "POST",
        "/v1/visits/{visit:uuid}/follow-ups",
        plan_follow_up,
        needs=_WRITE,
        purpose=_CARE,
        status=201,
        errors=(UnfitDelay,),
    ),
    operation("GET", "/v1/follow-ups", list_follow_ups, needs=_WRITE, purpose=_CARE),
    operation(
        "POST",
        "/v1/follow-ups/{task:uuid}/done",
        finish_follow_up,
        needs=_WRITE,
        purpose=_CARE,
        errors=(TaskClosed,),
    ),
    operation(
        "POST",
        "/v1/follow-ups/{task:uuid}/cancel",
        cancel_follow_up,
        needs=_WRITE,
        purpose=_CARE,
        errors=(TaskClosed,),
    ),
)
PAGES = (
    page("POST", "/visits/{visit:uuid}/follow-ups", plan_on_page, needs=_WRITE, purpose=_CARE),
    page("POST", "/follow-ups/{task:uuid}/done", finish_on_page, needs=_WRITE, purpose=_CARE),
)

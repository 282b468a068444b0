"""The ways in to follow-up tasks."""

from uuid import UUID

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import ConditionMissing, NotFound, Stale
from telehealth.followups import administration, keeping, pages, queries, service
from telehealth.followups.parts import (
    Coordination,
    FollowUp,
    Owner,
    ReasonMissing,
    TaskClosed,
    TaskOpen,
    TaskTaken,
    UnfitCoordinator,
    UnfitDelay,
    UnfitTask,
)
from telehealth.followups.ports import Questionnaires
from telehealth.followups.rules import OPEN
from telehealth.followups.schemas import (
    Coordinators,
    FollowUpQuery,
    FollowUpView,
    HistoryView,
    NoteOnFollowUp,
    OwnerView,
    PlanFollowUp,
    SkipFollowUp,
    StepView,
    StrokeMessage,
    TickItem,
    TriggersView,
)
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, if_match, required_match
from telehealth.http.operation import operation, page
from telehealth.http.schemas import Page
from telehealth.http.sse import EVENTS
from telehealth.scheduling.recurrence.rules import InvalidRecurrence


async def plan_follow_up(call: Call, visit: UUID, body: PlanFollowUp) -> FollowUpView:
    """Plan a task that falls due so much later, or a repetition of them: the first is answered."""
    return FollowUpView.of((await call.run(service.order, visit, body.wish(), call.port(Questionnaires)))[0])


async def plan_in_one_stroke(call: Call, visit: UUID, body: StrokeMessage) -> FollowUpView:
    """The same in one line, such as `call about the result +2w @desk`."""
    return FollowUpView.of((await call.run(service.stroke, visit, body.stroke, call.port(Questionnaires)))[0])


async def list_follow_ups(call: Call, query: FollowUpQuery) -> Page[FollowUpView]:
    """One's own tasks and the team's, the earliest first."""
    statuses = query.status or OPEN
    found = await call.run(
        queries.follow_ups, statuses=statuses, visit_id=query.visit, after=query.after, limit=query.limit
    )
    following = str(found[-1].id) if len(found) == query.limit else None
    return Page(items=[FollowUpView.of(each) for each in found], next=following)


async def read_follow_up(call: Call, task: UUID) -> Reply[FollowUpView]:
    """One task and its version."""
    return _reply(await call.run(queries.follow_up, task))


async def read_follow_up_history(call: Call, task: UUID) -> HistoryView:
    """Who did what when."""
    found = await call.run(service.history, task)
    return HistoryView(items=[StepView.model_validate(each) for each in found])


async def finish_follow_up(call: Call, task: UUID) -> Reply[FollowUpView]:
    """The task is done; saying so twice is no fault."""
    return _reply(await call.run(service.done, task, revision=if_match(call)))


async def cancel_follow_up(call: Call, task: UUID) -> Reply[FollowUpView]:
    """The task is no longer wanted, nor is what waits for it."""
    return _reply(await call.run(service.cancel, task, revision=if_match(call)))


async def skip_follow_up(call: Call, task: UUID, body: SkipFollowUp) -> Reply[FollowUpView]:
    """The task is not done, for a reason; what waits for it goes on."""
    return _reply(await call.run(service.skip, task, reason=body.reason.strip(), revision=if_match(call)))


async def reopen_follow_up(call: Call, task: UUID) -> Reply[FollowUpView]:
    """Done or skipped by a slip: it is what it was, within 15 minutes."""
    return _reply(await call.run(service.reopen, task))


async def claim_follow_up(call: Call, task: UUID) -> Reply[FollowUpView]:
    """Take it on. Of two, the second hears that it is taken; what was escalated may be taken from who is silent."""
    return _reply(await call.run(service.claim, task, revision=if_match(call)))


async def assign_follow_up(call: Call, task: UUID, body: OwnerView) -> Reply[FollowUpView]:
    """Give it to somebody, or to a pool."""
    owner = Owner(body.pool, body.person_id)
    return _reply(await call.run(service.assign, task, owner, revision=if_match(call)))


async def note_on_follow_up(call: Call, task: UUID, body: NoteOnFollowUp) -> Reply[FollowUpView]:
    """Write down what was tried or found."""
    return _reply(await call.run(service.note, task, text=body.text.strip()))


async def tick_item(call: Call, task: UUID, body: TickItem) -> Reply[FollowUpView]:
    """Tick a line of the checklist, or take the tick back."""
    return _reply(await call.run(service.check, task, body.item, done=body.done, revision=if_match(call)))


async def read_triggers(call: Call) -> TriggersView:
    """What makes a task by itself: endings of visits, alerts of devices."""
    return TriggersView.model_validate(await call.run(queries.triggers))


async def set_triggers(call: Call, body: TriggersView) -> TriggersView:
    """From now on it goes like this."""
    await call.run(keeping.set_triggers, body.model_dump())
    return TriggersView.model_validate(await call.run(queries.triggers))


async def read_coordinators(call: Call) -> Reply[Coordinators]:
    """Who is told of each task that is escalated, and the version of that."""
    return _coordinators(await call.run(queries.coordination))


async def name_coordinators(call: Call, body: Coordinators) -> Reply[Coordinators]:
    """These are told from now on, and no others. With nobody in the list it is told to whose the task or visit is."""
    return _coordinators(await call.run(keeping.name_coordinators, body.items, version=required_match(call)))


def _coordinators(named: Coordination) -> Reply[Coordinators]:
    return Reply(Coordinators(items=list(named.clinician_ids)), headers=etag(named.version))


def _reply(task: FollowUp) -> Reply[FollowUpView]:
    return Reply(FollowUpView.of(task), headers=etag(task.revision))


_WRITE, _CARE, _ADMIN = Scope.FOLLOW_UPS_WRITE, Purpose.TREATMENT, Scope.VISIT_TYPES_WRITE
_CHANGING = (NotFound, Stale, TaskClosed)
_PLANNING = (NotFound, UnfitDelay, UnfitTask, InvalidRecurrence)
VISIT, TASK = "/v1/visits/{visit:uuid}/follow-ups", "/v1/follow-ups/{task:uuid}"
TRIGGERS, COORDINATORS = "/v1/follow-up-triggers", "/v1/follow-up-coordinators"
OPERATIONS = (
    operation("POST", VISIT, plan_follow_up, needs=_WRITE, purpose=_CARE, status=201, errors=_PLANNING),
    operation("POST", f"{VISIT}/stroke", plan_in_one_stroke, needs=_WRITE, purpose=_CARE, status=201, errors=_PLANNING),
    operation("GET", "/v1/follow-ups", list_follow_ups, needs=_WRITE, purpose=_CARE),
    operation("GET", "/v1/follow-ups/stream", pages.follow_tasks, needs=_WRITE, purpose=_CARE, answers=EVENTS),
    operation("GET", TASK, read_follow_up, needs=_WRITE, purpose=_CARE, errors=(NotFound,)),
    operation("GET", f"{TASK}/history", read_follow_up_history, needs=_WRITE, purpose=_CARE, errors=(NotFound,)),
    operation("POST", f"{TASK}/done", finish_follow_up, needs=_WRITE, purpose=_CARE, errors=_CHANGING),
    operation("POST", f"{TASK}/cancel", cancel_follow_up, needs=_WRITE, purpose=_CARE, errors=_CHANGING),
    operation("POST", f"{TASK}/skip", skip_follow_up, needs=_WRITE, purpose=_CARE, errors=(*_CHANGING, ReasonMissing)),
    operation("POST", f"{TASK}/reopen", reopen_follow_up, needs=_WRITE, purpose=_CARE, errors=(NotFound, TaskOpen)),
    operation("POST", f"{TASK}/claim", claim_follow_up, needs=_WRITE, purpose=_CARE, errors=(*_CHANGING, TaskTaken)),
    operation("PUT", f"{TASK}/owner", assign_follow_up, needs=_WRITE, purpose=_CARE, errors=(*_CHANGING, UnfitTask)),
    operation("POST", f"{TASK}/notes", note_on_follow_up, needs=_WRITE, purpose=_CARE, errors=_CHANGING),
    operation("POST", f"{TASK}/checklist", tick_item, needs=_WRITE, purpose=_CARE, errors=(*_CHANGING, UnfitTask)),
    operation("GET", TRIGGERS, read_triggers, needs=_ADMIN),
    operation("PUT", TRIGGERS, set_triggers, needs=_ADMIN),
    operation("GET", COORDINATORS, read_coordinators, needs=_ADMIN),
    operation("PUT", COORDINATORS, name_coordinators, needs=_ADMIN, errors=(Stale, ConditionMissing, UnfitCoordinator)),
)
ADMIN = administration.ADMIN
ON_BOARD = f"{pages.BOARD}/{{task:uuid}}"
PAGES = (
    page("POST", "/visits/{visit:uuid}/follow-ups", pages.plan_on_page, needs=_WRITE, purpose=_CARE, errors=_PLANNING),
    page("POST", "/follow-ups/{task:uuid}/done", pages.finish_on_page, needs=_WRITE, purpose=_CARE, errors=_CHANGING),
    page("GET", pages.BOARD, pages.tasks_page, needs=_WRITE, purpose=_CARE, stays=("closed",)),
    page("POST", f"{ON_BOARD}/done", pages.finish, needs=_WRITE, purpose=_CARE, errors=(NotFound,)),
    page("POST", f"{ON_BOARD}/skip", pages.skip, needs=_WRITE, purpose=_CARE, errors=(NotFound,)),
    page("POST", f"{ON_BOARD}/claim", pages.claim, needs=_WRITE, purpose=_CARE, errors=(NotFound,)),
    page("POST", f"{ON_BOARD}/reopen", pages.reopen, needs=_WRITE, purpose=_CARE, errors=(NotFound,)),
    page("GET", ON_BOARD, pages.task_page, needs=_WRITE, purpose=_CARE),
    page("POST", f"{ON_BOARD}/take-on", pages.take_on, needs=_WRITE, purpose=_CARE),
    page("GET", ADMIN, administration.triggers_page, needs=_ADMIN),
    page("POST", ADMIN, administration.save_triggers, needs=_ADMIN),
    page("POST", f"{ADMIN}/coordinators", administration.save_coordinators, needs=_ADMIN),
)

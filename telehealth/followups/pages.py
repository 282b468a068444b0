"""The board of tasks, and the page on which an administrator says which come by themselves. Without scripts too."""

from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.errors import NotFound
from telehealth.db.unit import Unit
from telehealth.followups import board, keeping, queries, service
from telehealth.followups.events import FOLLOW_UPS_TOPIC
from telehealth.followups.parts import ReasonMissing, TaskClosed, TaskOpen, TaskTaken
from telehealth.followups.ports import Questionnaires
from telehealth.followups.rules import TRIGGERS
from telehealth.followups.schemas import BoardQuery, SkipForm, StrokeMessage, TriggersForm, TriggersQuery
from telehealth.http.call import Call
from telehealth.http.sse import stream
from telehealth.visits.lifecycle import queries as visits

BOARD = "/tasks"
ADMIN = "/admin/follow-ups"


async def plan_on_page(call: Call, visit: UUID, body: StrokeMessage) -> Response:
    """The room's form, for a browser without scripts."""
    await call.run(service.stroke, visit, body.stroke, call.port(Questionnaires))
    return call.redirect(f"/visits/{visit}")


async def finish_on_page(call: Call, task: UUID) -> Response:
    """The day board's button."""
    await call.run(service.done, task)
    return call.redirect("/day")


async def tasks_page(call: Call, query: BoardQuery) -> Response:
    """One's own tasks and the team's, the overdue first."""
    context = await call.run(_board)
    return call.render("tasks.html", closed=query.closed, told=query.told, **context)


async def follow_tasks(call: Call) -> Response:
    """Server-sent events: a version that changes with the boards of tasks."""
    boards = call.port(board.TaskBoards)
    return stream(call, (FOLLOW_UPS_TOPIC,), boards.version, together=True)


async def finish(call: Call, task: UUID) -> Response:
    """Then back to the board, which offers to undo it."""
    try:
        await call.run(service.done, task)
    except TaskClosed:
        return call.redirect(f"{BOARD}?told=closed")
    return call.redirect(f"{BOARD}?closed={task}")


async def skip(call: Call, task: UUID, body: SkipForm) -> Response:
    """It will not be done, for a reason."""
    try:
        await call.run(service.skip, task, reason=body.reason.strip())
    except ReasonMissing:
        return call.redirect(f"{BOARD}?told=reason")
    except TaskClosed:
        return call.redirect(f"{BOARD}?told=closed")
    return call.redirect(f"{BOARD}?closed={task}")


async def claim(call: Call, task: UUID) -> Response:
    """Of two who press, the second reads that it is taken."""
    try:
        await call.run(service.claim, task)
    except (NotFound, TaskTaken):  # what a colleague has taken is not seen any more
        return call.redirect(f"{BOARD}?told=taken")
    except TaskClosed:
        return call.redirect(f"{BOARD}?told=closed")
    return call.redirect(BOARD)


async def reopen(call: Call, task: UUID) -> Response:
    """Closing it was a slip."""
    try:
        await call.run(service.reopen, task)
    except TaskOpen:
        return call.redirect(f"{BOARD}?told=late")
    return call.redirect(f"{BOARD}?told=reopened")


async def triggers_page(call: Call, query: TriggersQuery) -> Response:
    """Which endings of a visit make a task."""
    return call.render("admin_follow_ups.html", saved=bool(query.saved), **await call.run(_triggers))


async def save_triggers(call: Call, body: TriggersForm) -> Response:
    """From now on it goes like this."""
    await call.run(keeping.set_triggers, body.ticked())
    return call.redirect(f"{ADMIN}?saved=yes")


async def _board(unit: Unit) -> dict[str, Any]:
    reader = await visits.reader(unit)
    frame = {"me": reader, "zone": reader.time_zone, "now": unit.now, "stream": "/v1/follow-ups/stream"}
    return {**frame, **await board.board(unit)}


async def _triggers(unit: Unit) -> dict[str, Any]:
    enabled = await queries.triggers(unit)
    drawn = [
        {"ending": each.ending, "kind": each.kind, "pool": each.owner.pool, "on": enabled[each.ending]}
        for each in TRIGGERS
    ]
    return {"me": await visits.reader(unit), "triggers": drawn}

"""The board of tasks, and the page of one, to which a mail leads. Without scripts too."""

from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound, Stale
from telehealth.db.unit import Unit
from telehealth.followups import board, service
from telehealth.followups.events import FOLLOW_UPS_TOPIC
from telehealth.followups.parts import ReasonMissing, TaskClosed, TaskOpen, TaskTaken
from telehealth.followups.ports import DeviceAlerts, Questionnaires
from telehealth.followups.rules import DEVICE_ALERT
from telehealth.followups.schemas import BoardQuery, SeenQuery, SkipForm, StrokeMessage, TaskQuery
from telehealth.http.call import Call
from telehealth.http.sse import stream
from telehealth.visits.lifecycle import queries as visits

BOARD = "/tasks"


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


async def finish(call: Call, task: UUID, query: SeenQuery) -> Response:
    """Then back to the board, which offers to undo it. What has changed since it was read is read again first."""
    try:
        await call.run(service.done, task, revision=query.revision)
    except Stale:
        return call.redirect(f"{BOARD}?told=changed")
    except TaskClosed:
        return call.redirect(f"{BOARD}?told=closed")
    return call.redirect(f"{BOARD}?closed={task}")


async def skip(call: Call, task: UUID, body: SkipForm, query: SeenQuery) -> Response:
    """It will not be done, for a reason."""
    try:
        await call.run(service.skip, task, reason=body.reason.strip(), revision=query.revision)
    except Stale:
        return call.redirect(f"{BOARD}?told=changed")
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


async def task_page(call: Call, task: UUID, query: TaskQuery) -> Response:
    """One task, for who comes from a mail. What is closed, or nobody else's business any more, the board says."""
    try:
        context = await call.run(_task, task, call.port(DeviceAlerts))
    except NotFound:
        return call.redirect(f"{BOARD}?told=gone")
    return call.render("task.html", told=query.told, **context)


async def take_on(call: Call, task: UUID) -> Response:
    """The button of that page: nobody else is told of it from now on. Of two, the second reads who was quicker."""
    try:
        await call.run(service.claim, task)
    except NotFound:
        return call.redirect(f"{BOARD}?told=gone")
    except TaskTaken:
        return call.redirect(f"{BOARD}/{task}?told=taken")
    except TaskClosed:
        return call.redirect(f"{BOARD}?told=closed")
    return call.redirect(f"{BOARD}/{task}")


async def reopen(call: Call, task: UUID) -> Response:
    """Closing it was a slip."""
    try:
        await call.run(service.reopen, task)
    except TaskOpen:
        return call.redirect(f"{BOARD}?told=late")
    return call.redirect(f"{BOARD}?told=reopened")


async def _board(unit: Unit) -> dict[str, Any]:
    return {**await _frame(unit), "stream": "/v1/follow-ups/stream", **await board.board(unit)}


async def _task(unit: Unit, task_id: UUID, devices: DeviceAlerts) -> dict[str, Any]:
    """What a device measured is clinicians' to read."""
    task = await board.one(unit, task_id)
    wanted = task["origin"] == DEVICE_ALERT and unit.actor.role is Role.CLINICIAN
    told = await devices.of_task(unit, task_id) if wanted else None
    return {**await _frame(unit), "task": task, "told_by_device": told}


async def _frame(unit: Unit) -> dict[str, Any]:
    reader = await visits.reader(unit)
    return {"me": reader, "zone": reader.time_zone, "now": unit.now}

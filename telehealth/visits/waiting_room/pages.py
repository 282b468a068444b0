"""The front door and the day board. They work without scripts."""

import asyncio
from functools import partial
from typing import Any

from starlette.responses import Response

from telehealth.core.actors import Actor, Role
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.people import queries as people
from telehealth.people.rules import Patient
from telehealth.scheduling.calendars import queries as calendars
from telehealth.scheduling.calendars.rules import FeedState
from telehealth.visits.escalation import queries as alerts
from telehealth.visits.escalation.rules import Shown
from telehealth.visits.gates import queries as gates
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import Visit, VisitStatus
from telehealth.visits.waiting_room import queries
from telehealth.visits.waiting_room.desk import lateness
from telehealth.visits.waiting_room.ports import DueFollowUp, FollowUps, LateNotes
from telehealth.visits.waiting_room.schemas import DayQuery


async def front_door(call: Call) -> Response:
    """To the board; a guest to their visit, an administrator to what they may set."""
    own = {Role.PATIENT: "/visit", Role.GUEST: "/attend", Role.ADMIN: "/admin"}
    return call.redirect(own.get(call.actor.role, "/day"))


async def day(call: Call, query: DayQuery) -> Response:
    """Today's visits and what is due."""
    context = await call.run(_day, call.port(FollowUps), call.port(LateNotes))
    taker = await call.run(alerts.taker, query.alert) if query.told == "taken" and query.alert else None
    # A board of hundreds takes long to draw; meanwhile the streams of this process go on.
    return await asyncio.to_thread(partial(call.render, "day.html", told=query.told, taker=taker, **context))


async def _day(unit: Unit, follow_ups: FollowUps, late_notes: LateNotes) -> dict[str, Any]:
    reader = await visits.reader(unit)
    day = await visits.local_day(unit)
    board = await queries.board(unit, day)
    withdrawn = await gates.withdrawn(unit, [visit.id for visit in board.visits])
    due, late = await follow_ups.wanted(unit), await late_notes.late(unit)
    named = {visit.patient_id for visit in board.visits} | {task.patient_id for task in due}
    patients = await people.patients(unit, named | {note.patient_id for note in late})
    return {
        "me": reader,
        "zone": reader.time_zone,
        "now": unit.now,
        "stream": "/v1/board/stream",
        "visits": [
            _row(visit, patients[visit.patient_id], back=visit.id in withdrawn, today=visit.starts_at >= day[0])
            for visit in board.visits
        ],
        "follow_ups": [_task(task, patients[task.patient_id]) for task in due],
        "late_notes": [
            {
                "visit_id": each.visit_id,
                "patient_name": patients[each.patient_id].name,
                "signed_at": each.signed_at,
                "reason": each.reason,
            }
            for each in late
        ],
        "calendars": await _calendars(unit),
        "alerts": [_alert(each, unit.actor) for each in await alerts.on_board(unit)],
        "lost": await _handed_over(unit),
        "late": await lateness(unit),
    }


async def _calendars(unit: Unit) -> list[dict[str, Any]]:
    """The outside calendars somebody has to look at."""
    feeds = await calendars.attention(unit)
    names = {each.id: each.name for each in await people.clinicians(unit)} if feeds else {}
    return [
        {
            "id": feed.id,
            "name": feed.name,
            "clinician_name": names.get(ClinicianId(feed.resource_id), ""),
            "withheld": feed.state(unit.now) is FeedState.WITHHELD,
        }
        for feed in feeds
    ]


async def _handed_over(unit: Unit) -> list[dict[str, Any]]:
    """The visits of today that another clinician gives now, for the one who gave them."""
    if unit.actor.role is not Role.CLINICIAN:
        return []
    lost = await visits.handed_over(unit, (await visits.local_day(unit))[0])
    patients = await people.patients(unit, {each.patient_id for each in lost})
    names = {each.id: each.name for each in await people.clinicians(unit)} if lost else {}
    for each in lost:
        unit.audit("read", "visit", each.visit_id, patient_id=each.patient_id)
    return [
        {
            "id": each.visit_id,
            "patient_name": patients[each.patient_id].name,
            "clinician_name": names.get(each.clinician_id, ""),
            "at": each.at,
        }
        for each in lost
    ]


def _alert(shown: Shown, actor: Actor) -> dict[str, Any]:
    treats = actor.role is Role.CLINICIAN and shown.may_be_taken_over_by(actor.person_id)
    alert = shown.alert
    return {
        "id": alert.id,
        "kind": alert.kind,
        "patient_name": shown.patient_name,
        "since": alert.since,
        "starts_at": shown.visit and shown.visit.starts_at,
        "visit_id": alert.visit_id,
        "of": shown.visit.clinician_id if treats and shown.visit else None,
        "faults": alert.faults,
        "affected": alert.affected,
        "again": alert.resumed_from is not None,
        "by": shown.by,
        "own": shown.own,
    }


def _row(visit: Visit, patient: Patient, *, back: bool, today: bool) -> dict[str, Any]:
    return {
        "id": visit.id,
        "starts_at": visit.starts_at,
        "today": today,
        "patient_name": patient.name,
        "language": patient.language,
        "status": visit.status,
        "waiting_since": visit.waiting_since if visit.status is VisitStatus.READY else None,
        "check": visit.check,
        "misplaced": visit.misplaced,
        "withdrawn": back,
        "away": visit.away_since is not None,
    }


def _task(task: DueFollowUp, patient: Patient) -> dict[str, Any]:
    return {
        "id": task.id,
        "visit_id": task.visit_id,
        "title": task.title,
        "kind": task.kind,
        "due_at": task.due_at,
        "patient_name": patient.name,
    }

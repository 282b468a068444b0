"""The streams of the board and of the patient's page: they tell that something changed, never what."""

from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId, VisitId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.sse import stream
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service
from telehealth.visits.lifecycle.events import FRONT_DESK_TOPIC, clinician_topic, visit_topic
from telehealth.visits.waiting_room import standings
from telehealth.visits.waiting_room.events import QUEUE_TOPIC
from telehealth.visits.waiting_room.presence import Presence
from telehealth.visits.waiting_room.versions import Versions


async def follow_board(call: Call) -> Response:
    """Server-sent events: the board's version, whenever it changes."""
    topic, zone = await call.run(_board)
    versions, presence = call.port(Versions), call.port(Presence)

    async def version() -> str:
        _see_clinician(call, presence)
        return await versions.of_board(call.actor, zone)

    return stream(call, (topic,), version, together=True)


async def follow_visit(call: Call, visit: UUID) -> Response:
    """Server-sent events: the visit's revision, whenever it changes."""
    await call.run(service.open_visit, visit)
    versions, presence = call.port(Versions), call.port(Presence)

    async def version() -> str:
        found = await versions.of_visit(call.actor, visit)
        if call.actor.id is not None:
            presence.see(call.actor.id)
        return found

    return stream(call, (visit_topic(VisitId(visit)),), version, together=True)


async def follow_queue(call: Call) -> Response:
    """Server-sent events: a version that changes with the queue."""
    versions, presence = call.port(Versions), call.port(Presence)
    await call.run(standings.version)

    async def version() -> str:
        _see_clinician(call, presence)
        return await versions.of_queue(call.actor)

    return stream(call, (QUEUE_TOPIC,), version, together=True)


async def follow_own_place(call: Call, entry: UUID) -> Response:
    """Server-sent events: a version that changes with your place and with what you are told."""
    standing = await call.run(standings.standing, entry)
    versions, presence = call.port(Versions), call.port(Presence)

    async def version() -> str:
        presence.see(standing.entry.participant_id)
        return await versions.of_place(standing.entry.id)

    return stream(call, (visit_topic(standing.entry.id), QUEUE_TOPIC), version, together=True)


def _see_clinician(call: Call, presence: Presence) -> None:
    if call.actor.role is Role.CLINICIAN and call.actor.person_id is not None:
        presence.see_clinician(call.actor.person_id)


async def _board(unit: Unit) -> tuple[str, ZoneInfo]:
    """What wakes the board, and the zone of its days. Who has no day has no board: refused before the stream begins."""
    zone = (await visits.reader(unit)).time_zone
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id is not None:
        return clinician_topic(ClinicianId(unit.actor.person_id)), zone
    return FRONT_DESK_TOPIC, zone

"""Conversations of which only the sockets are missing: what a beat finds out, and when."""

from datetime import timedelta
from typing import Any

import pytest

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.errors import NotFound
from telehealth.core.ids import VisitId
from telehealth.core.ports import Ports
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.http.call import Kit
from telehealth.http.locales import Locales
from telehealth.http.pages import open_pages
from telehealth.video import conversation as module
from telehealth.video.captioner_client import HttpCaptioners
from telehealth.video.conversation import Conversation, Message
from telehealth.video.memory import MemoryRooms
from telehealth.video.ports import Captioners, IceServers, Recorders, RoomBus
from telehealth.video.recorder_client import HttpRecorders
from telehealth.video.service import issue_ticket, redeem_ticket, still_open
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.participants import service as participants
from tests.kit.meetings import Meeting


async def test_whoever_is_put_out_while_a_beat_looks_leaves_no_seat(
    unit_of_work: UnitOfWork, meeting: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The visit is asked twice, whether it changed and what it says: between the two somebody is put out."""
    rooms = MemoryRooms()
    await _enter(unit_of_work, rooms, meeting, meeting.clinician)
    guest = await _enter(unit_of_work, rooms, meeting, meeting.patient)
    theirs = meeting.patient.id
    assert theirs is not None

    async def look_too_late(unit: Unit, visit_id: VisitId) -> Visit:
        await unit_of_work.run(participants.revoke, SYSTEM, visit_id, theirs)
        return await still_open(unit, visit_id)

    monkeypatch.setattr(module, "still_open", look_too_late)
    with pytest.raises(NotFound):
        await guest.beat()
    await guest.drop()
    room = await rooms.look(meeting.visit_id)
    assert [seat.who.host for seat in room.seats] == [True]


async def _enter(unit_of_work: UnitOfWork, rooms: MemoryRooms, meeting: Meeting, actor: Actor) -> Conversation:
    async def tell(message: Message) -> None:
        del message

    ticket = await unit_of_work.run(issue_ticket, actor, meeting.visit_id)
    entry = await unit_of_work.run(redeem_ticket, SYSTEM, ticket.secret)
    none: dict[type[Any], object] = {
        Recorders: HttpRecorders(None, None, timedelta(days=30)),
        Captioners: HttpCaptioners(None, offered=False),
        IceServers: IceServers(),
    }
    ports = Ports({RoomBus: rooms, **none})
    entered = Conversation(Kit(unit_of_work, ports, open_pages(Locales.load()), ""), entry, ticket.secret, tell)
    await entered.arrive(None)
    return entered

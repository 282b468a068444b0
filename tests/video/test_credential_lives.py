"""What becomes of the holders of media credentials that are over."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.video.tasks import sweep_connections, sweep_credentials
from telehealth.visits.lifecycle.parts import ParticipantState
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants.rules import MOST_COMPANIONS
from tests.kit.devices import HOST, DeviceHouse, device_house
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports
from tests.kit.web import bearer


@pytest.fixture
async def house(
    database: str, meeting: Meeting, unit_of_work: UnitOfWork, clock: FixedClock
) -> AsyncIterator[DeviceHouse]:
    await a_node_reports(unit_of_work)
    async with device_house(database, meeting, clock=clock) as opened:
        yield opened


@pytest.mark.parametrize("over", ["used up", "used up later", "expired"])
async def test_whose_credential_is_over_takes_nobodys_place(house: DeviceHouse, clock: FixedClock, over: str) -> None:
    made = [await house.make(minutes=5) for _ in range(MOST_COMPANIONS)]
    full = await house.client.post(
        f"{house.visit}/media-credentials", json={"kind": "device", "name": "One more"}, headers=bearer(HOST)
    )
    assert full.json()["type"] == "/problems/too-many-invited"
    if over == "expired":
        assert (await house.offer(made[1])).status_code == 201  # what runs goes on
        clock.advance(timedelta(minutes=5))
        assert await sweep_credentials(house.work) == MOST_COMPANIONS - 1
    else:
        session = (await house.offer(made[0])).headers["location"]
        house.rehearsed.deaf = over == "used up later"
        assert (await house.client.delete(session, headers=bearer(made[0]["token"]))).status_code == 200
        house.rehearsed.deaf = False
        await sweep_connections(house.work)
    found = await house.work.run(participants.ever_invited, house.meeting.visit_id)
    states = {str(each.id): each.state for each in found}
    assert states[made[0]["participant"]] is ParticipantState.REMOVED
    assert states[made[1]["participant"]] is not ParticipantState.REMOVED
    await house.make()

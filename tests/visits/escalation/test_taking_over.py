"""A colleague who was told takes the visit over of a clinician who does not come; nobody else can."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.errors import NotFound, Stale
from telehealth.db.unit import Unit
from telehealth.http.credentials import STAFF_COOKIE
from telehealth.people import service as people
from telehealth.people.licensing import Licence
from telehealth.scheduling.booking import service as booking
from telehealth.visits.escalation import queries, service
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import JurisdictionMismatch, Visit, VisitStatus
from telehealth.visits.waiting_room import queries as board
from telehealth.visits.waiting_room.ports import FollowUps, LateNotes
from tests.kit import ways_in
from tests.kit.staff import NothingDue, NothingLate
from tests.kit.web import client_of
from tests.visits.escalation.conftest import Ward

MINUTE = 60
TAKE = re.compile(r'action="(/visits/[0-9a-f-]{36}/take-over)"><input type="hidden" name="clinician" value="([^"]+)"')


async def told(ward: Ward) -> None:
    """The patient waits, and the pool knows."""
    await ward.come()
    await ward.wait(2 * MINUTE)
    await ward.wait(2 * MINUTE)


async def take_over(ward: Ward, actor: Actor, **options: object) -> Visit:
    return await ward.unit_of_work.run(service.take_over, actor, ward.visit_id, **options)  # type: ignore[arg-type]


async def board_of(ward: Ward, actor: Actor) -> list[Visit]:
    async def read(unit: Unit) -> list[Visit]:
        return list((await board.board(unit, await visits.local_day(unit))).visits)

    return await ward.unit_of_work.run(read, actor)


async def test_who_was_told_takes_over_and_lets_the_patient_in(ward: Ward) -> None:
    await told(ward)
    with pytest.raises(NotFound):
        await ward.give(lifecycle.admit, ward.other)
    taken = await take_over(ward, ward.other)
    assert (taken.clinician_id, taken.status) == (ward.colleague.id, VisitStatus.READY)
    assert await board_of(ward, ward.own) == []
    assert [each.id for each in await board_of(ward, ward.other)] == [ward.visit_id]
    (shown,) = await ward.unit_of_work.run(queries.on_board, ward.other)
    assert shown.own
    assert await ward.wait(2 * MINUTE) == [], "nobody else is told"
    assert (await ward.give(lifecycle.admit, ward.other)).status is VisitStatus.ADMITTING


async def test_before_they_are_told_it_is_not_theirs_to_see(ward: Ward) -> None:
    await ward.come()
    await ward.wait(2 * MINUTE)
    for actor in (ward.other, ward.desk):
        with pytest.raises(NotFound):
            await take_over(ward, actor)


async def test_taking_over_again_changes_nothing(ward: Ward) -> None:
    await told(ward)
    first, second = await asyncio.gather(take_over(ward, ward.other), take_over(ward, ward.other))
    assert first == second


async def test_who_comes_at_last_is_quicker(ward: Ward) -> None:
    await told(ward)
    await ward.give(lifecycle.admit, ward.own)
    with pytest.raises(NotFound):
        await take_over(ward, ward.other)


async def test_a_visit_that_has_changed_is_not_taken_over_by_an_old_page(ward: Ward) -> None:
    await told(ward)
    with pytest.raises(Stale):
        await take_over(ward, ward.other, revision=1)
    with pytest.raises(Stale):
        await take_over(ward, ward.other, of=ward.colleague.id)
    seen = await ward.unit_of_work.run(visits.find, SYSTEM, ward.visit_id)
    assert (await take_over(ward, ward.other, revision=seen.revision, of=seen.clinician_id)).revision > seen.revision


async def test_who_lost_the_licence_since_may_not(ward: Ward) -> None:
    unit_of_work = ward.unit_of_work
    await unit_of_work.run(booking.add_visit_type, SYSTEM, replace(ward.clinic.visit_type, needs_licence=True))
    for clinician in (ward.clinic.clinician, ward.colleague):
        await unit_of_work.run(people.replace_licences, SYSTEM, clinician.id, [Licence(clinician.id, "US-CA")])
    await ward.give(lifecycle.attest_location, ward.patient, jurisdiction="US-CA")
    await told(ward)
    await unit_of_work.run(people.replace_licences, SYSTEM, ward.colleague.id, [Licence(ward.colleague.id, "US-NV")])
    with pytest.raises(JurisdictionMismatch):
        await take_over(ward, ward.other)


async def test_the_former_clinician_is_told_on_their_board(ward: Ward) -> None:
    await told(ward)
    await take_over(ward, ward.other)
    (lost,) = await ward.unit_of_work.run(visits.handed_over, ward.own, ward.clock.now() - timedelta(hours=12))
    assert (lost.visit_id, lost.clinician_id) == (ward.visit_id, ward.colleague.id)
    assert await ward.unit_of_work.run(visits.handed_over, ward.other, ward.clock.now() - timedelta(hours=12)) == []


# Through the doors


@pytest.fixture
async def clients(ward: Ward) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """The clinician's browser and the colleague's."""
    operations = (*ways_in.OPERATIONS, *ways_in.PAGES)
    known = {"own": ward.own, "other": ward.other}
    ports: dict[type, object] = {FollowUps: NothingDue(), LateNotes: NothingLate()}
    async with (
        client_of(ward.unit_of_work, operations, known, ports=ports) as own,
        client_of(ward.unit_of_work, operations, known, ports=ports) as other,
    ):
        for name, client in (("own", own), ("other", other)):
            client.headers.update({"Cookie": f"{STAFF_COOKIE}={name}", "Sec-Fetch-Site": "same-origin"})
        yield own, other


async def test_over_the_api_once_with_a_key_and_about_what_was_seen(
    ward: Ward, clients: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> None:
    _, other = clients
    await told(ward)
    (alert,) = (await other.get("/v1/alerts")).json()["items"]
    assert alert["clinician_id"] == str(ward.clinic.clinician.id)
    door, key = f"/v1/visits/{alert['visit_id']}/take-over", {"Idempotency-Key": "once"}
    first = await other.post(door, headers={"If-Match": '"1"'})
    assert first.status_code == 412, first.text
    seen = {"If-Match": f'"{alert["visit_revision"]}"', **key}
    answers = [await other.post(door, headers=seen) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert answers[0].json()["clinician_id"] == str(ward.colleague.id)


async def test_with_the_buttons_of_the_boards(ward: Ward, clients: tuple[httpx.AsyncClient, httpx.AsyncClient]) -> None:
    own, other = clients
    await told(ward)
    assert "Take the visit over" not in (await own.get("/day")).text
    found = TAKE.search((await other.get("/day")).text)
    assert found
    for _ in range(2):
        taken = await other.post(found[1], data={"clinician": found[2]})
        assert taken.headers["location"] == f"/visits/{ward.visit_id}"
    assert "Dr. Grace Okafor has taken over your visit with Rosa Moreno." in (await own.get("/day")).text
    late = await own.post(found[1], data={"clinician": found[2]})
    assert late.headers["location"] == "/day?told=quicker"
    assert "Somebody else was quicker" in (await own.get("/day?told=quicker")).text

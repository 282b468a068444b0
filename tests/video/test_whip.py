"""WHIP and WHEP over HTTP: what each request is answered, and who gets in with which credential."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ParticipantId
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.video import credentials
from telehealth.video.credential import DIES_OUT
from telehealth.video.language import Admit, Arrived, Cut, Hold, Negotiate, Said
from telehealth.video.models import MediaCredentialRow
from telehealth.video.ports import Connection
from telehealth.video.room import Mode, Who
from telehealth.video.tasks import sweep_connections
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.parts import ParticipantKind, ParticipantState
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants import service as company
from tests.kit.devices import HOST, PATIENT, DeviceHouse, device_house
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports
from tests.kit.web import bearer

FRAGMENT = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
TRICKLE = {"Content-Type": "application/trickle-ice-sdpfrag"}


@pytest.fixture
async def house(
    database: str, meeting: Meeting, unit_of_work: UnitOfWork, clock: FixedClock
) -> AsyncIterator[DeviceHouse]:
    await a_node_reports(unit_of_work)
    async with device_house(database, meeting, clock=clock) as opened:
        yield opened


async def test_a_device_begins_restarts_and_ends(house: DeviceHouse) -> None:
    made = await house.make()
    assert made["endpoint"] == f"http://localhost{house.visit}/whip"
    begun = await house.offer(made)
    assert begun.status_code == 201
    assert begun.headers["content-type"].startswith("application/sdp")
    assert begun.text.startswith(f"http://rehearsed 1 {made['participant']} send-1")
    session = begun.headers["location"]
    assert session.startswith(f"{house.visit}/whip/")
    assert begun.headers["link"].startswith('<turn:turn.example.org:3478?transport=udp>; rel="ice-server"; username="')
    assert 'credential-type="password"' in begun.headers["link"]
    assert begun.headers["access-control-allow-origin"] == "*"

    headers = {**bearer(made["token"]), **TRICKLE}
    trickled = await house.client.patch(
        session, content=FRAGMENT, headers={**headers, "If-Match": begun.headers["etag"]}
    )
    assert (trickled.status_code, trickled.content) == (204, b"")
    assert (await house.client.patch(session, content=FRAGMENT, headers=headers)).status_code == 428
    stale = await house.client.patch(session, content=FRAGMENT, headers={**headers, "If-Match": '"9"'})
    assert stale.status_code == 412
    restarted = await house.client.patch(session, content=FRAGMENT, headers={**headers, "If-Match": "*"})
    assert restarted.status_code == 200
    assert restarted.headers["content-type"].startswith("application/trickle-ice-sdpfrag")
    assert restarted.headers["etag"] != begun.headers["etag"]
    assert "a=ice-ufrag:again" in restarted.text
    assert "EsAw" in restarted.text  # which the node was told
    old = await house.client.patch(session, content=FRAGMENT, headers={**headers, "If-Match": begun.headers["etag"]})
    assert old.status_code == 412

    assert (await house.client.delete(session, headers=headers)).status_code == 200
    assert (await house.client.delete(session, headers=headers)).status_code == 404
    assert (
        await house.client.patch(session, content=FRAGMENT, headers={**headers, "If-Match": "*"})
    ).status_code == 404
    assert {each.ways for each in house.rehearsed.cuts} == {("send-1",)}
    assert (await house.rooms.look(house.meeting.visit_id)).seats == ()
    replayed = await house.offer(made)
    assert (replayed.status_code, replayed.json()["type"]) == (401, "/problems/media-credential-invalid")


@pytest.mark.parametrize(
    ("content", "more", "status"),
    [
        (b"v=0", {"Content-Type": "application/json"}, 415),
        (b"v" * 60_001, {}, 413),
        (b"\xff", {}, 400),
    ],
)
async def test_what_is_no_offer_is_refused(
    house: DeviceHouse, content: bytes, more: dict[str, str], status: int
) -> None:
    made = await house.make()
    headers = {**bearer(made["token"]), "Content-Type": "application/sdp", **more}
    answer = await house.client.post(f"{house.visit}/whip", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (await house.offer(made)).status_code == 201  # it has cost nothing


async def test_a_fragment_that_is_none_is_refused(house: DeviceHouse) -> None:
    made = await house.make()
    session = (await house.offer(made)).headers["location"]
    named = {**bearer(made["token"]), "If-Match": "*"}
    for content, kind, status in (
        ("hello", TRICKLE, 400),
        ("a=ice-ufrag:EsAw\r\n", TRICKLE, 400),
        ("a=mid:0\r\n", TRICKLE, 400),  # a restart names new credentials
        (FRAGMENT, {"Content-Type": "application/sdp"}, 415),
    ):
        answer = await house.client.patch(session, content=content, headers={**named, **kind})
        assert answer.status_code == status, content


async def test_who_has_no_good_credential_stays_out(house: DeviceHouse, clock: FixedClock) -> None:
    made = await house.make(minutes=5)
    for shown in ({}, bearer("made-up"), bearer(HOST), {"Authorization": f"Basic {made['token']}"}):
        headers = {"Content-Type": "application/sdp", **shown}
        answer = await house.client.post(f"{house.visit}/whip", content="v=0", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await house.offer(made, "whep")).status_code == 401  # a device watches nobody
    assert (await house.offer(await house.make("observer"), "whip")).status_code == 401
    elsewhere = f"/v1/visits/{uuid4()}/whip"
    headers = {**bearer(made["token"]), "Content-Type": "application/sdp"}
    assert (await house.client.post(elsewhere, content="v=0", headers=headers)).status_code == 401
    clock.advance(timedelta(minutes=5))
    assert (await house.offer(made)).status_code == 401


async def test_a_copy_of_a_credential_takes_nothing_over(house: DeviceHouse) -> None:
    made, other = await house.make(), await house.make()
    session = (await house.offer(made)).headers["location"]
    copied = await house.offer(made)
    assert (copied.status_code, copied.json()["type"]) == (409, "/problems/media-credential-in-use")
    assert copied.headers["retry-after"] == "30"
    assert (await house.client.delete(session, headers=bearer(other["token"]))).status_code == 404
    assert house.rehearsed.cuts == []
    house.rehearsed.state = None  # its node has died
    assert (await house.offer(made)).status_code == 201
    assert (await house.client.delete(session, headers=bearer(made["token"]))).status_code == 404  # it is another now


async def test_what_is_taken_back_ends_at_once(house: DeviceHouse, unit_of_work: UnitOfWork) -> None:
    made = await house.make("observer")
    assert (await house.offer(made, "whep")).status_code == 201
    assert (await house.revoke(made)).status_code == 204
    assert [each.ways for each in house.rehearsed.cuts] == [("recv-1",)] * 2  # by the room, and by its own place
    assert (await house.rooms.look(house.meeting.visit_id)).seats == ()
    assert (await house.offer(made, "whep")).status_code == 401
    assert (await house.revoke(made)).status_code == 404
    found = await unit_of_work.run(participants.ever_invited, SYSTEM, house.meeting.visit_id)
    assert [each.state for each in found if each.kind is ParticipantKind.OBSERVER] == [ParticipantState.REMOVED]

    async def traces(unit: Unit) -> list[tuple[str, str]]:
        rows = await unit.session.scalars(
            select(AuditRow).where(AuditRow.entity.like("media-%")).order_by(AuditRow.position)
        )
        return [(row.action, row.entity) for row in rows]

    told = await unit_of_work.run(traces)
    assert told == [
        ("create", "media-credential"),
        ("create", "media-session"),
        ("delete", "media-credential"),
        ("update", "media-session"),
    ]


async def test_the_host_alone_makes_credentials(house: DeviceHouse) -> None:
    body = {"kind": "device", "name": "Otoscope"}
    answer = await house.client.post(f"{house.visit}/media-credentials", json=body, headers=bearer(PATIENT))
    assert answer.status_code == 403
    for wrong in ({"kind": "trainee", "name": "Kim"}, {"kind": "device", "name": ""}, {**body, "minutes": 241}):
        answer = await house.client.post(f"{house.visit}/media-credentials", json=wrong, headers=bearer(HOST))
        assert answer.status_code == 422


async def test_before_and_after_the_call_nobody_gets_in(
    database: str, waiting: Meeting, unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    await a_node_reports(unit_of_work)
    async with device_house(database, waiting, clock=clock) as house:
        made = await house.make()
        early = await house.offer(made)
        assert (early.status_code, early.json()["type"]) == (409, "/problems/not-admitted")
        await unit_of_work.run(visits.admit, waiting.clinician, waiting.visit_id)
        assert (await house.offer(made)).status_code == 201
        await unit_of_work.run(visits.connected, SYSTEM, waiting.visit_id)
        await unit_of_work.run(visits.end, waiting.clinician, waiting.visit_id)
        await sweep_connections(house.work)
        assert {each.ways for each in house.rehearsed.cuts} == {("send-1",)}
        assert (await house.rooms.look(waiting.visit_id)).seats == ()
        late = await house.offer(made)
        assert (late.status_code, late.json()["type"]) == (410, "/problems/visit-over")


async def test_without_a_media_node_it_is_to_come_again(database: str, meeting: Meeting, clock: FixedClock) -> None:
    async with device_house(database, meeting, clock=clock) as house:
        made = await house.make()
        for _ in range(2):
            answer = await house.offer(made)
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/no-media-node")
            assert answer.headers["retry-after"] == "5"
            assert (await house.rooms.look(meeting.visit_id)).seats == ()


async def test_pages_of_any_origin_may_ask(house: DeviceHouse) -> None:
    for path, methods in (("whip", "POST, OPTIONS"), (f"whep/{uuid4()}", "PATCH, DELETE, OPTIONS")):
        answer = await house.client.options(f"{house.visit}/{path}", headers={"Origin": "https://elsewhere.example"})
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-allow-methods"] == methods
        assert "Authorization" in answer.headers["access-control-allow-headers"]
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    endpoint = await house.client.options(f"{house.visit}/whep")
    assert endpoint.headers["accept-post"] == "application/sdp"
    for method in ("GET", "PUT"):
        assert (await house.client.request(method, f"{house.visit}/whip")).status_code == 405


async def test_a_device_brings_the_node_and_everybody_sees_an_observer(house: DeviceHouse) -> None:
    visit_id, clock, host = house.meeting.visit_id, house.work.clock, await host_of(house)
    assert (await house.rooms.look(visit_id)).mode is Mode.P2P
    made = await house.make("observer")
    assert (await house.offer(made, "whep")).status_code == 201
    room = await house.rooms.look(visit_id)
    assert room.mode is Mode.NODE
    assert [str(each.id) for each in room.peers(room.seats[0])] == [made["participant"]]

    theirs = room.seats[1].id
    held = await house.rooms.apply(visit_id, Said(clock.now(), host, Hold(1, theirs)))
    assert [each.ways for each in held.effects if isinstance(each, Cut)] == [("recv-1",)]
    house.rehearsed.state = None  # so the host's process has cut it off
    await sweep_connections(house.work)
    answer = await house.offer(made, "whep")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/participant-held")
    await house.rooms.apply(visit_id, Said(clock.now(), host, Admit(2, theirs)))
    await sweep_connections(house.work)
    assert (await house.offer(made, "whep")).status_code == 201


async def host_of(house: DeviceHouse) -> str:
    """Takes their seat; the name of their connection."""
    found = await house.work.run(participants.participants_of, house.meeting.visit_id)
    host = Who(next(each.id for each in found if each.host), ParticipantKind.CLINICIAN, host=True)
    await house.rooms.apply(house.meeting.visit_id, Arrived(house.work.clock.now(), "h", "host", host, admitted=True))
    return "h"


async def test_who_is_put_on_hold_while_the_node_answers_hears_nothing(house: DeviceHouse) -> None:
    host, visit_id, made = await host_of(house), house.meeting.visit_id, await house.make("observer")

    async def hold(task: Negotiate) -> None:
        """Its cut comes before there is anything to cut."""
        await house.rooms.apply(visit_id, Said(house.work.clock.now(), host, Hold(1, task.participant)))

    house.rehearsed.asked = hold
    answer = await house.offer(made, "whep")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/participant-held")
    assert [each.ways for each in house.rehearsed.cuts] == [("recv-1",)]


async def test_whoever_is_on_hold_is_cut_off_as_often_as_somebody_looks(house: DeviceHouse) -> None:
    host, visit_id, made = await host_of(house), house.meeting.visit_id, await house.make("observer")
    assert (await house.offer(made, "whep")).status_code == 201
    theirs = ParticipantId(UUID(made["participant"]))
    await house.rooms.apply(visit_id, Said(house.work.clock.now(), host, Hold(1, theirs)))
    for _ in range(2):
        await sweep_connections(house.work)
    assert [each.ways for each in house.rehearsed.cuts] == [("recv-1",)] * 2
    assert len((await house.rooms.look(visit_id)).seats) == 2


@pytest.mark.parametrize("how", ["ended", "taken back"])
async def test_who_may_still_hear_stays_listed(house: DeviceHouse, how: str) -> None:
    """The node takes no cut: nobody vouches, and the sweep cuts again."""
    made, visit_id = await house.make("observer"), house.meeting.visit_id
    session, token = (await house.offer(made, "whep")).headers["location"], bearer(made["token"])
    house.rehearsed.deaf = True
    if how == "ended":
        assert (await house.client.delete(session, headers=token)).status_code == 200
        assert (await house.client.delete(session, headers=token)).status_code == 404
    else:
        assert (await house.revoke(made)).status_code == 204
    await sweep_connections(house.work)
    assert len((await house.rooms.look(visit_id)).seats) == 1
    assert (await house.offer(made, "whep")).status_code == 401
    house.rehearsed.deaf = False
    await sweep_connections(house.work)
    assert {each.ways for each in house.rehearsed.cuts} == {("recv-1",)}
    assert (await house.rooms.look(visit_id)).seats == ()
    assert house.rehearsed.vouched == []
    assert await house.work.run(credentials.with_sessions) == []


async def test_what_no_node_was_told_of_is_over_when_it_has_died_out(house: DeviceHouse, clock: FixedClock) -> None:
    made, visit_id = await house.make("observer"), house.meeting.visit_id
    assert (await house.offer(made, "whep")).status_code == 201
    house.rehearsed.deaf = True
    house.rooms.forget(visit_id)
    for _ in range(2):
        await sweep_connections(house.work)
        again = await house.offer(made, "whep")
        assert (again.status_code, again.json()["type"]) == (503, "/problems/no-media-node")
        clock.advance(DIES_OUT)
    await sweep_connections(house.work)
    assert await house.work.run(credentials.with_sessions) == []
    assert (await house.offer(made, "whep")).status_code == 201
    assert house.rehearsed.vouched == []


async def test_a_fault_with_one_leaves_nobody_else_half_way(house: DeviceHouse) -> None:
    faulty, other, settled = await house.make(), await house.make("observer"), list[str]()
    assert (await house.offer(faulty)).status_code == 201
    assert (await house.offer(other, "whep")).status_code == 201
    failed = asyncio.Event()

    async def vouch(connection: Connection) -> None:
        if str(connection.participant) == faulty["participant"]:
            failed.set()
            raise ZeroDivisionError
        await failed.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        settled.append(str(connection.participant))

    house.rehearsed.looked = vouch
    with pytest.raises(ZeroDivisionError):
        await sweep_connections(house.work)
    assert settled == [other["participant"]]


async def test_a_seat_that_goes_while_the_node_is_asked_is_nothing_to_do(house: DeviceHouse) -> None:
    async def vouch(_: Connection) -> None:
        house.rooms.forget(house.meeting.visit_id)

    assert (await house.offer(await house.make())).status_code == 201
    house.rehearsed.looked = vouch
    assert await sweep_connections(house.work) == 1
    assert len(house.rehearsed.vouched) == 1
    await sweep_connections(house.work)
    assert await house.work.run(credentials.with_sessions) == []


async def test_nobody_goes_on_who_is_not_seen_in_the_room(house: DeviceHouse, unit_of_work: UnitOfWork) -> None:
    """The rooms were lost, or its place is another: the connection ends, and its holder may begin again."""
    visit_id = house.meeting.visit_id
    made = await house.make("observer")
    assert (await house.offer(made, "whep")).status_code == 201
    await sweep_connections(house.work)
    assert house.rehearsed.cuts == []
    house.rooms.forget(visit_id)
    await sweep_connections(house.work)
    assert [each.ways for each in house.rehearsed.cuts] == [("recv-1",)]
    assert (await house.offer(made, "whep")).status_code == 201


async def test_who_is_put_out_on_any_page_is_cut_off(house: DeviceHouse, unit_of_work: UnitOfWork) -> None:
    made = await house.make()
    assert (await house.offer(made)).status_code == 201
    desk = house.meeting.clinic.front_desk
    await unit_of_work.run(company.put_out, desk, house.meeting.visit_id, UUID(made["participant"]))
    await sweep_connections(house.work)
    assert {each.ways for each in house.rehearsed.cuts} == {("send-1",)}
    assert (await house.offer(made)).status_code == 401


async def test_secrets_are_not_in_the_database(house: DeviceHouse, unit_of_work: UnitOfWork) -> None:
    made = await house.make()

    async def stored(unit: Unit) -> bytes:
        return (await unit.session.scalars(select(MediaCredentialRow))).one().secret

    secret = await unit_of_work.run(stored)
    assert len(secret) == 32
    assert made["token"].encode() not in secret

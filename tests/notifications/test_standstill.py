"""What was not sent is seen by whoever runs the house, told in numbers, and sent again: and of nobody anything."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, text, update

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit
from telehealth.http.openmetrics import exposition
from telehealth.notifications import standstill
from telehealth.notifications.metrics import gauges
from telehealth.notifications.models import MessageRow
from telehealth.notifications.ports import Deferred, Refused, Sent
from telehealth.notifications.routes import OPERATIONS, PAGES
from telehealth.notifications.rules import WRITTEN_TRIES, Attempted
from telehealth.notifications.sending import send_due
from tests.kit.staff import open_account
from tests.kit.web import bearer, client_of
from tests.notifications.conftest import Post
from tests.notifications.test_sending import rows, tell_staff

ADMIN, DESK = bearer("admin"), bearer("desk")
LIST = "/v1/messages"


@pytest.fixture
async def http(post: Post) -> AsyncIterator[httpx.AsyncClient]:
    known = {"admin": Actor(await post.unit_of_work.run(_account), Role.ADMIN, SCOPES[Role.ADMIN])}
    known["desk"] = Actor(uuid4(), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK])
    async with client_of(post.unit_of_work, (*OPERATIONS, *PAGES), known) as client:
        yield client


async def _account(unit: Unit) -> UUID:
    await open_account(unit, Role.ADMIN, None, email="admin@clinic.example")
    found: UUID = (await unit.session.execute(text("SELECT id FROM account"))).scalar_one()
    return found


async def test_what_was_given_up_is_listed_and_sent_again(
    post: Post, http: httpx.AsyncClient, clock: FixedClock
) -> None:
    post.mailer.answer = lambda _: Refused(554)
    await tell_staff(post, 1)
    await send_due(post.work)
    clock.advance(timedelta(minutes=1))
    told = (await http.get(LIST, headers=ADMIN)).json()
    (item,) = told["items"]
    assert (item["kind"], item["channel"], item["state"], item["age"]) == ("follow_up_due", "email", "dead", 60)
    assert (item["outcome"], item["fault"], item["attempt"]) == ("refused", "554", 1)
    assert told["channels"][0] == {"channel": "email", "due": 0, "dead": 1, "oldest_age": None}
    assert not {"recipient_id", "subject_id", "address_id"} & item.keys()
    shown = await http.get("/admin/messages", headers=ADMIN)
    assert shown.status_code == 200
    assert f"/admin/messages/{item['id']}/redrive" in shown.text
    post.mailer.answer = lambda _: Sent()
    assert (await http.post(f"{LIST}/{item['id']}/redrive", headers=ADMIN)).status_code == 204
    assert await send_due(post.work) == 1
    assert (await http.get(LIST, headers=ADMIN)).json()["items"] == []
    assert (await http.post(f"{LIST}/{item['id']}/redrive", headers=ADMIN)).status_code == 409
    assert (await http.post(f"{LIST}/{uuid4()}/redrive", headers=ADMIN)).status_code == 404
    tried = await post.unit_of_work.run(standstill.attempts, SYSTEM, (await rows(post))[0].id)
    assert tried == [(1, Attempted.REFUSED, "554"), (2, Attempted.SENT, None)]


async def test_only_an_admin_sees_and_sends_and_sending_is_audited(post: Post, http: httpx.AsyncClient) -> None:
    post.mailer.answer = lambda _: Refused(554)
    await tell_staff(post, 1)
    await send_due(post.work)
    (row,) = await rows(post)
    for asked in (LIST, "/admin/messages"):
        assert (await http.get(asked, headers=DESK)).status_code == 403
    assert (await http.post(f"{LIST}/{row.id}/redrive", headers=DESK)).status_code == 403
    sent = await http.post(f"/admin/messages/{row.id}/redrive", headers=ADMIN)
    assert (sent.status_code, sent.headers["location"]) == (303, "/admin/messages?told=again")

    async def traces(unit: Unit) -> list[tuple[str, str]]:
        kept = select(AuditRow.action, AuditRow.outcome).where(AuditRow.entity_id == row.id)
        return [(action, outcome) for action, outcome in await unit.session.execute(kept)]

    assert ("execute", "redriven") in await post.unit_of_work.run(traces, SYSTEM)


async def test_what_cannot_be_written_is_parked_after_a_few_tries(post: Post, clock: FixedClock) -> None:
    async def break_it(unit: Unit) -> None:
        await unit.session.execute(update(MessageRow).values(recipient_id=uuid4()))

    await tell_staff(post, 1)
    await post.unit_of_work.run(break_it)
    for _ in range(3 * WRITTEN_TRIES):
        await send_due(post.work)
        clock.advance(timedelta(minutes=2))
    (row,) = await rows(post)
    assert (row.state, row.fault, row.attempt) == ("dead", "NotFound", WRITTEN_TRIES)
    (stuck,) = await post.unit_of_work.run(standstill.stuck, SYSTEM, limit=5)
    assert stuck.outcome is Attempted.UNWRITTEN


async def test_the_list_goes_on_after_the_last_of_a_page(post: Post, http: httpx.AsyncClient) -> None:
    post.mailer.answer = lambda _: Deferred(452)
    await tell_staff(post, 5)
    await send_due(post.work)
    whole = [each["id"] for each in (await http.get(LIST, headers=ADMIN)).json()["items"]]
    first = (await http.get(LIST, headers=ADMIN, params={"limit": 3})).json()["items"]
    rest = await http.get(LIST, headers=ADMIN, params={"limit": 3, "after": first[-1]["id"]})
    assert [each["id"] for each in (*first, *rest.json()["items"])] == whole
    assert len(set(whole)) == 5


async def test_the_numbers_tell_age_and_what_was_given_up(post: Post, clock: FixedClock) -> None:
    post.mailer.answer = lambda _: Refused(554)
    await tell_staff(post, 2)
    await send_due(post.work)
    await tell_staff(post, 3)
    clock.advance(timedelta(seconds=90))
    told = exposition(await post.unit_of_work.run(gauges, SYSTEM))
    for line in (
        'telehealth_messages_due{channel="email"} 3',
        'telehealth_messages_due{channel="sms"} 0',
        'telehealth_messages_oldest_seconds{channel="email"} 90',
        'telehealth_messages_dead{channel="email"} 2',
    ):
        assert line in told

"""The feed of summaries: nothing without a grant, nothing twice, nothing missed."""

import asyncio
import random
from uuid import uuid4

from sqlalchemy import insert, select

from telehealth.access.rules import DataKind
from telehealth.core.actors import Purpose
from telehealth.db.unit import Unit
from telehealth.records.delivery.models import RecordDeliveryRow
from telehealth.records.notes.models import NoteVersionRow
from tests.exchange.conftest import Exchange

FEED = "/v1/summaries"
SUMMARIES = DataKind.SUMMARIES


async def test_without_a_grant_a_problem_and_a_trace(exchange: Exchange) -> None:
    await exchange.signed()
    answer = await exchange.client.get(FEED)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/no-grant")
    assert await exchange.traces() == [("exchange.list_summaries", "operation", "HOPERAT", "no-grant")]


async def test_a_grant_tells_what_was_signed_and_leaves_a_trace_each(exchange: Exchange) -> None:
    arranged = await exchange.signed("Rest.")
    await exchange.visit()  # nothing signed: nothing to tell
    await exchange.permit(SUMMARIES, purpose=Purpose.RESEARCH)
    body = (await exchange.client.get(FEED)).json()
    (summary,) = body["items"]
    assert summary["visit_id"] == str(arranged.visit_id)
    assert summary["text"].endswith("\nRest.\n")
    assert body["more"] is False
    assert await exchange.traces() == [("read", "note_version", "HRESCH", "ok")]


async def test_a_grant_of_summaries_opens_no_name_and_no_time_of_the_visit(exchange: Exchange) -> None:
    arranged = await exchange.signed("Rest.")
    await exchange.permit(SUMMARIES)
    path = f"/v1/visits/{arranged.visit_id}/summary"
    answer = await exchange.client.get(path, headers={"Accept": "application/fhir+json"})
    assert answer.status_code == 200, answer.text
    told = {each["resource"]["resourceType"]: each["resource"] for each in answer.json()["entry"]}
    assert told["Patient"].keys() == {"resourceType", "id", "identifier"}
    assert told["Patient"]["identifier"][0]["value"] == f"urn:uuid:{arranged.patient_id}"
    assert "period" not in told["Encounter"]
    assert (await exchange.client.get(path, headers={"Accept": "application/pdf"})).status_code == 200


async def test_the_feed_goes_on_where_it_stood(exchange: Exchange) -> None:
    await exchange.permit(SUMMARIES)
    empty = (await exchange.client.get(FEED)).json()
    assert empty == {"items": [], "next": None, "more": False}
    for _ in range(3):
        await exchange.signed()
    first = (await exchange.client.get(FEED, params={"limit": 2})).json()
    second = (await exchange.client.get(FEED, params={"limit": 2, "after": first["next"]})).json()
    assert (len(first["items"]), first["more"], len(second["items"]), second["more"]) == (2, True, 1, False)
    idle = (await exchange.client.get(FEED, params={"after": second["next"]})).json()
    assert idle == {"items": [], "next": second["next"], "more": False}
    late = await exchange.signed()
    (item,) = (await exchange.client.get(FEED, params={"after": idle["next"]})).json()["items"]
    assert item["visit_id"] == str(late.visit_id)


async def test_a_forged_cursor_is_refused(exchange: Exchange) -> None:
    await exchange.permit(SUMMARIES)
    for forged in ("MA", "x" * 40, "ü"):
        assert (await exchange.client.get(FEED, params={"after": forged})).status_code == 422


async def test_others_are_not_told_of(exchange: Exchange) -> None:
    mine, _other = await exchange.signed(), await exchange.signed()
    await exchange.permit(SUMMARIES, patients=frozenset({mine.patient_id}))
    (item,) = (await exchange.client.get(FEED)).json()["items"]
    assert item["patient_id"] == str(mine.patient_id)


async def test_eight_that_sign_at_once_are_all_told_of(exchange: Exchange) -> None:
    """Versions are numbered when they begin and seen when they commit; a plain cursor would lose the slow ones."""
    await exchange.permit(SUMMARIES)
    await exchange.signed()
    done = asyncio.Event()
    dice = random.Random(5)

    async def copy_slowly(unit: Unit, pause: float) -> None:
        """One more signed version, as slow to commit as it likes."""
        columns = [each for each in NoteVersionRow.__table__.columns if each.name != "written_in"]
        row = dict((await unit.session.execute(select(*columns).limit(1))).mappings().one())
        version = dice.randrange(10**6, 10**9)
        row_id = uuid4()
        row |= {"id": row_id, "version": version, "content": unit.vault.seal(("note_version", "content", row_id), "x")}
        await unit.session.execute(insert(NoteVersionRow).values(row))
        await _delivery(unit, row_id)
        await asyncio.sleep(pause)

    async def write() -> None:
        for _ in range(12):
            await exchange.unit_of_work.run(copy_slowly, exchange.actor, dice.expovariate(50))

    async def poll() -> list[str]:
        seen, after = [], None
        while True:
            last_round = done.is_set()
            page = (await exchange.client.get(FEED, params={"limit": 100} | ({"after": after} if after else {}))).json()
            seen += [item["id"] for item in page["items"]]
            after = page["next"]
            if last_round and not page["more"]:
                return seen
            await asyncio.sleep(0.005)

    poller = asyncio.create_task(poll())
    await asyncio.gather(*(write() for _ in range(8)))
    done.set()
    seen = await poller
    assert len(seen) == len(set(seen)) == 8 * 12 + 1


async def _delivery(unit: Unit, version_id: object) -> None:
    columns = RecordDeliveryRow.__table__.columns
    row = dict((await unit.session.execute(select(*columns).limit(1))).mappings().one())
    await unit.session.execute(insert(RecordDeliveryRow).values(row | {"id": uuid4(), "note_version_id": version_id}))

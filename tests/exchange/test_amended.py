"""How integrations see a note that was amended: the feed, the facade and the summary say how each version stands."""

from datetime import timedelta

from telehealth.access.rules import DataKind
from telehealth.records.notes.amendments import Relation
from tests.exchange.conftest import Exchange, checked, found

FHIR, FEED = "/fhir/DocumentReference", "/v1/summaries"


async def test_the_feed_tells_each_version_and_how_it_stands_now(exchange: Exchange) -> None:
    await exchange.permit(DataKind.SUMMARIES)
    arranged = await exchange.signed("Rest.")
    await exchange.amended(arranged, Relation.APPENDS, "And tea.")
    first = (await exchange.client.get(FEED)).json()
    told = [(each["version"], each["relation"], each["status"], each["doc_status"]) for each in first["items"]]
    assert told == [(1, None, "current", "final"), (2, "appends", "current", "final")]
    await exchange.amended(arranged, Relation.REPLACES, "No tea.")
    await exchange.retracted(arranged, 3)
    later = (await exchange.client.get(FEED, params={"after": first["next"]})).json()["items"]
    told = [(each["version"], each["relates_to"], each["status"], each["doc_status"]) for each in later]
    assert told == [(3, 1, "entered-in-error", "entered-in-error"), (4, 3, None, None)]
    assert later[1]["text"].endswith("\n\nWrong patient.\n")
    again = (await exchange.client.get(FEED)).json()["items"]
    assert [each["status"] for each in again] == ["entered-in-error"] * 3 + [None]


async def test_a_document_says_how_it_stands_and_what_it_relates_to(exchange: Exchange) -> None:
    await exchange.permit(DataKind.DOCUMENTS)
    arranged = await exchange.signed("Rest.")
    await exchange.amended(arranged, Relation.APPENDS, "And tea.")
    first, second = found(await exchange.client.get(FHIR))
    original, addendum = [checked(await exchange.client.get(f"{FHIR}/{each}")) for each in (first, second)]
    assert "relatesTo" not in original
    (relation,) = addendum["relatesTo"]
    assert (relation["code"], relation["target"]["identifier"]) == ("appends", original["masterIdentifier"])
    await exchange.amended(arranged, Relation.REPLACES, "No tea.")
    assert found(await exchange.client.get(f"{FHIR}?status=superseded")) == [first, second]
    (third,) = found(await exchange.client.get(f"{FHIR}?status=current"))
    replacement = checked(await exchange.client.get(f"{FHIR}/{third}"))
    assert (replacement["docStatus"], replacement["relatesTo"][0]["code"]) == ("amended", "replaces")
    await exchange.retracted(arranged, 3)
    assert found(await exchange.client.get(FHIR)) == [first, second, third], "what retracts is no document"
    wrong = checked(await exchange.client.get(f"{FHIR}/{first}"))
    assert (wrong["status"], wrong["docStatus"]) == ("entered-in-error", "entered-in-error")
    versions = [each["meta"]["versionId"] for each in (original, wrong)]
    assert versions == ["1", "3"]


async def test_a_retraction_moves_the_date_of_the_last_update(exchange: Exchange) -> None:
    arranged = await exchange.signed("Rest.")
    exchange.unit_of_work.clock.advance(timedelta(days=2))  # type: ignore[attr-defined]
    await exchange.permit(DataKind.DOCUMENTS)
    assert found(await exchange.client.get(f"{FHIR}?_lastUpdated=gt2026-03-03")) == []
    await exchange.retracted(arranged, 1)
    (changed,) = found(await exchange.client.get(f"{FHIR}?_lastUpdated=gt2026-03-03"))
    assert found(await exchange.client.get(f"{FHIR}?date=2026-03-02")) == [changed]

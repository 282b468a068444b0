"""Composition/$document: a signed note as one Bundle, by a grant of documents."""

from telehealth.access.rules import DataKind
from telehealth.core.actors import SYSTEM
from telehealth.db.unit import Unit
from telehealth.records.charting import queries
from telehealth.records.notes.amendments import Relation
from tests.exchange.conftest import Exchange, checked, found
from tests.kit.visits import Arranged


def path(version: str) -> str:
    return f"/fhir/Composition/{version}/$document"


async def test_a_signed_note_is_one_document_that_begins_with_its_composition(exchange: Exchange) -> None:
    arranged = await exchange.signed("Rest.")
    await exchange.permit(DataKind.DOCUMENTS)
    (version,) = found(await exchange.client.get("/fhir/DocumentReference"))
    bundle = checked(await exchange.client.get(path(version)))
    first = bundle["entry"][0]
    assert (bundle["type"], first["resource"]["resourceType"], first["resource"]["id"]) == (
        "document",
        "Composition",
        version,
    )
    assert first["fullUrl"] == f"urn:uuid:{version}"
    await exchange.amended(arranged, Relation.APPENDS, "And tea.")
    assert (await exchange.client.get(path(version))).status_code == 404  # the note says more now
    (latest,) = [each for each in found(await exchange.client.get("/fhir/DocumentReference")) if each != version]
    whole = checked(await exchange.client.get(path(latest)))
    assert [each["title"] for each in whole["entry"][0]["resource"]["section"]] == [
        "Progress note",
        "Progress note: addendum to version 1",
    ]
    await exchange.retracted(arranged, 1)
    assert checked(await exchange.client.get(path(latest)), 410)["resourceType"] == "OperationOutcome"


async def test_another_grant_does_not_open_it(exchange: Exchange) -> None:
    first, other = await exchange.signed("Rest."), await exchange.signed("Rest.")
    await exchange.permit(DataKind.DOCUMENTS, patients=frozenset({other.patient_id}))
    (theirs,) = found(await exchange.client.get("/fhir/DocumentReference"))
    assert (await exchange.client.get(path(theirs))).status_code == 200
    version = await exchange.unit_of_work.run(version_of, SYSTEM, first)
    assert (await exchange.client.get(path(version))).status_code == 404


async def version_of(unit: Unit, arranged: Arranged) -> str:
    return str((await queries.summary(unit, arranged.visit_id)).text.id)

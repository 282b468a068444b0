"""After-visit summaries as integrations read them: by grant, words alone, with the purpose of the grant."""

import base64

from sqlalchemy import select

from telehealth.access.rules import DataKind
from telehealth.core.actors import SYSTEM
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit
from telehealth.records.notes.amendments import Relation
from tests.exchange.conftest import Exchange, checked
from tests.kit.summaries import released
from tests.kit.visits import Arranged


def path(arranged: Arranged) -> str:
    return f"/v1/visits/{arranged.visit_id}/after-visit-summary"


async def test_a_grant_of_summaries_opens_it_for_the_patients_it_names(exchange: Exchange) -> None:
    first, other = await exchange.signed("Rest."), await exchange.signed("Rest.")
    for each in (first, other):
        await exchange.unit_of_work.run(released, each.clinician, each.visit_id, "Drink.")
    refused = await exchange.client.get(path(first))
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/no-grant")
    await exchange.permit(DataKind.DOCUMENTS)
    assert (await exchange.client.get(path(first))).status_code == 403
    await exchange.permit(DataKind.SUMMARIES, patients=frozenset({first.patient_id}))
    answer = await exchange.client.get(path(first))
    found = answer.json()
    assert (answer.status_code, found["standing"], found["note_version"]) == (200, "current", 1)
    assert (found["contents"]["words"], found["contents"]["appointments"]) == ("Drink.", [])
    assert await exchange.unit_of_work.run(_purposes, SYSTEM, first) == ["HPAYMT"]
    document = checked(await exchange.client.get(path(first), headers={"Accept": "application/fhir+json"}))
    sheet = await exchange.client.get(path(first), headers={"Accept": "application/pdf"})
    assert base64.b64decode(document["content"][0]["attachment"]["data"]) == sheet.content
    assert document["subject"]["identifier"]["value"] == f"urn:uuid:{first.patient_id}"
    denied = await exchange.client.get(path(other))
    assert (denied.status_code, denied.json()["type"]) == (404, "/problems/not-found")


async def _purposes(unit: Unit, arranged: Arranged) -> list[str]:
    row = AuditRow
    read = (row.entity == "after_visit_summary", row.role == "integration", row.patient_id == arranged.patient_id)
    return list(await unit.session.scalars(select(row.purpose).where(*read)))


async def test_it_says_that_the_note_was_amended_and_is_gone_with_a_note_that_was_wrong(exchange: Exchange) -> None:
    await exchange.permit(DataKind.SUMMARIES)
    arranged = await exchange.signed("Rest.")
    assert (await exchange.client.get(path(arranged))).status_code == 404
    await exchange.unit_of_work.run(released, arranged.clinician, arranged.visit_id, "Drink.")
    await exchange.amended(arranged, Relation.APPENDS, "And tea.")
    assert (await exchange.client.get(path(arranged))).json()["standing"] == "superseded"
    await exchange.retracted(arranged, 1)
    gone = await exchange.client.get(path(arranged))
    assert (gone.status_code, gone.json()["type"]) == (410, "/problems/summary-withdrawn")
    assert "Drink" not in gone.text

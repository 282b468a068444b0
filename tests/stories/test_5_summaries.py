"""An integration with a grant pulls visit summaries and misses none; without one it gets nothing; both are audited."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.kit.demo import ADMIN, Demo, Json, eventually
from tests.stories.test_3_note import state, visit_under_way


def token(demo: Demo) -> str:
    """As the demo's own words say: `telehealth token FILE`."""
    argv = [sys.executable, "-m", "telehealth", "token", str(demo.credential)]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@contextmanager
def integration(demo: Demo) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {token(demo)}"}
    with httpx.Client(base_url=demo.web, headers=headers, timeout=60, trust_env=False) as client:
        yield client


def everything(client: httpx.Client) -> list[Json]:
    """Every summary, page after page, two at a time."""
    found: list[Json] = []
    after: dict[str, str] = {}
    while True:
        page = client.get("/v1/summaries", params={"limit": 2, **after}).json()
        found += page["items"]
        after = {"after": page["next"]}
        if not page["more"]:
            return found


def test_an_integration_pulls_what_was_signed(demo: Demo) -> None:
    with visit_under_way(demo, "Emma") as (visit, clinician):
        drafted = clinician.put(
            f"/v1/visits/{visit}/note", json={"content": "A draft."}, headers={"If-None-Match": "*"}
        )
        assert drafted.status_code == 200
        with integration(demo) as client:
            assert visit not in {each["visit_id"] for each in everything(client)}  # a draft is nobody's business
            signed = clinician.post(f"/v1/visits/{visit}/note/sign", headers={"If-Match": drafted.headers["etag"]})
            assert signed.status_code == 200
            (summary,) = eventually(lambda: [each for each in everything(client) if each["visit_id"] == visit])
            assert "A draft." in summary["text"]
            assert summary["sha256"] == signed.json()["sha256"]
            encounters = client.get("/fhir/Encounter", params={"_count": "50"}).json()
            (encounter,) = (each["resource"] for each in encounters["entry"] if each["resource"]["id"] == visit)
            assert encounter["class"]["code"] == "VR"
            assert client.get(f"/fhir/Appointment/{visit}").status_code == 200
            assert client.get("/fhir/metadata").json()["resourceType"] == "CapabilityStatement"
            found = client.get("/fhir/DocumentReference", params={"_count": "50"}).json()
            assert {entry["resource"]["resourceType"] for entry in found["entry"]} == {"DocumentReference"}
            assert "/join/" not in json.dumps([encounters, found])
        used = demo.rows(
            "SELECT count(*) FROM audit_event WHERE role = 'integration' AND outcome = 'ok' AND entity_id = %s",
            summary["id"],
        )
        assert used[0][0] >= 1
        eventually(lambda: state(clinician, visit) == "delivered")


def test_without_a_grant_nothing_and_a_trace(demo: Demo) -> None:
    with demo.staff(ADMIN) as admin, integration(demo) as client:
        client_id = json.loads(demo.credential.read_text())["client_id"]
        (given,) = (each for each in admin.get("/v1/grants").json()["items"] if each["integration_id"] == client_id)
        assert client.get("/v1/summaries").status_code == 200
        assert admin.delete(f"/v1/grants/{given['id']}").status_code == 204
        try:
            refused = client.get("/v1/summaries")
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/no-grant")
            assert client.get("/fhir/Encounter").status_code == 403
            trace = demo.rows(
                "SELECT outcome FROM audit_event WHERE actor_id = %s ORDER BY position DESC LIMIT 1", client_id
            )
            assert trace == [("no-grant",)]
        finally:
            again = {
                name: given[name] for name in ("integration_id", "purpose", "data_kinds", "patients", "valid_until")
            }
            assert admin.post("/v1/grants", json=again).status_code == 201

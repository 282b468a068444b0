"""The clinician writes and signs; the note reaches the record service once, whatever fails on the way."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.requests import Request

from telehealth.records.delivery.rules import NOTE_VERSION_SYSTEM
from tests.kit.demo import CLINICIAN, DESK, Demo, Json, begin_call, eventually, prepare
from tests.kit.fault_proxy import Fault, no_faults, on_creates

HELLO = {"camera": "ok", "microphone": "ok", "speaker": "ok"}


@contextmanager
def visit_under_way(demo: Demo, given: str) -> Iterator[tuple[str, httpx.Client]]:
    """A patient in the call with the clinician, without browsers; the visit and the clinician's client."""
    with demo.staff(DESK) as desk, demo.staff(CLINICIAN) as clinician:
        booked = demo.book_now(desk, demo.register(desk, given))
        visit = booked["visit"]["id"]
        with demo.guest(booked["link"], "1958-04-12") as guest:
            prepare(visit, guest)
            assert guest.post(f"/v1/visits/{visit}/check", json=HELLO).status_code == 200
            assert guest.post(f"/v1/visits/{visit}/ready").status_code == 200
            begin_call(demo, visit, clinician, guest)
            yield visit, clinician


def sign(clinician: httpx.Client, visit: str, text: str) -> Json:
    note = f"/v1/visits/{visit}/note"
    saved = clinician.put(note, json={"content": text}, headers={"If-None-Match": "*"})
    assert saved.status_code == 200, saved.text
    late = clinician.put(note, json={"content": "from another tab"}, headers={"If-Match": '"0"'})
    assert late.status_code == 412
    signed = clinician.post(f"{note}/sign", headers={"If-Match": saved.headers["etag"]})
    assert signed.status_code == 200, signed.text
    body: Json = signed.json()
    return body


def documents(demo: Demo, visit: str) -> list[Json]:
    """What the record service itself holds of this visit's note."""
    ((note_id, version),) = demo.rows(
        "SELECT n.id, v.version FROM note n JOIN note_version v ON v.note_id = n.id WHERE n.visit_id = %s", visit
    )
    return demo.records.documents(system=NOTE_VERSION_SYSTEM, value=f"{note_id}-v{version}")


def state(clinician: httpx.Client, visit: str) -> str:
    return str(clinician.get(f"/v1/visits/{visit}/note").json()["state"])


def test_a_signed_note_is_in_the_record_and_the_visit_completes(demo: Demo) -> None:
    with visit_under_way(demo, "Alba") as (visit, clinician):
        assert sign(clinician, visit, "Feels better.")["state"] == "delivering"
        eventually(lambda: state(clinician, visit) == "delivered")
        (document,) = documents(demo, visit)
        assert document["docStatus"] == "final"
        assert clinician.post(f"/v1/visits/{visit}/end").status_code == 200
        eventually(lambda: clinician.get(f"/v1/visits/{visit}").json()["status"] == "completed")
        changed = clinician.put(
            f"/v1/visits/{visit}/note", json={"content": "Something else."}, headers={"If-Match": '"1"'}
        )
        assert changed.status_code == 409


def test_signing_needs_no_record_service(demo: Demo) -> None:
    """The record service is stopped for the signing; the note arrives once it is back."""
    with visit_under_way(demo, "Berta") as (visit, clinician):
        demo.records.stop()
        try:
            assert sign(clinician, visit, "Cough is gone.")["state"] == "delivering"
            eventually(lambda: state(clinician, visit) == "waiting")
        finally:
            demo.records.start()
        eventually(lambda: state(clinician, visit) == "delivered")
    assert len(documents(demo, visit)) == 1


LEASE_OVER = (
    "UPDATE record_delivery d SET lease_until = now() FROM note_version v JOIN note n ON n.id = v.note_id "
    "WHERE v.id = d.note_version_id AND n.visit_id = %s AND d.state = 'sending' RETURNING d.id"
)


@pytest.mark.parametrize("lease", ["brought to its end", pytest.param("waited for", marks=pytest.mark.soak)])
def test_a_worker_killed_between_delivery_and_settlement_repeats_nothing(demo: Demo, lease: str) -> None:
    """The record service has taken the document and says nothing; `kill -9` takes every worker process.

    The dead sender's lease is a minute, which only the long run waits for.
    """
    with visit_under_way(demo, "Carla") as (visit, clinician):
        plan = on_creates([Fault.COMMIT_THEN_HANG])
        reached: list[bool] = []

        def hang_once(request: Request) -> Fault | None:
            fault = plan(request)
            reached.extend([True] if fault is not None else [])
            return fault

        demo.proxy.plan = hang_once
        try:
            sign(clinician, visit, "Wound heals well.")
            eventually(lambda: reached and len(documents(demo, visit)) == 1)
            worker = demo.told["pids"]["courier"]
            os.killpg(worker, signal.SIGKILL)
        finally:
            demo.proxy.plan = no_faults
        eventually(lambda: demo.told["pids"].get("courier") not in (None, worker))
        assert state(clinician, visit) != "delivered"
        if lease == "brought to its end":
            assert len(demo.rows(LEASE_OVER, visit)) == 1
        eventually(lambda: state(clinician, visit) == "delivered")
    assert len(documents(demo, visit)) == 1

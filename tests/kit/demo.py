"""A running `telehealth demo`, used as its people would: what it printed, sessions, mail, rows behind it."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from websockets.asyncio.client import connect
from websockets.typing import Origin

from telehealth.core.ids import uuid7
from telehealth.core.time import SystemClock
from tests.kit.fault_proxy import FaultProxy
from tests.kit.record_service import RunningRecordService
from tests.kit.signalling import Talker
from tests.kit.up import Up

CLINICIAN, DESK, ADMIN = "okafor@clinic.example", "desk@clinic.example", "admin@clinic.example"
Json = dict[str, Any]
PATIENCE = 240.0


@dataclass(frozen=True)
class Demo:
    """`proxy` stands between the platform and the real record service."""

    up: Up
    records: RunningRecordService
    proxy: FaultProxy

    @property
    def told(self) -> Json:
        """The ready file: addresses, process ids, database."""
        told = self.up.told()
        assert told is not None
        return told

    @property
    def web(self) -> str:
        return str(self.told["addresses"]["web"])

    @property
    def credential(self) -> Path:
        return self.up.state / "integration.json"

    @property
    def link(self) -> str:
        return self._said(r"Patient +(\S+)")

    @property
    def born(self) -> str:
        return self._said(r"born (\S+)")

    def password(self, email: str) -> str:
        return self._said(rf"{re.escape(email)} +(\S+)")

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        headers = {"Origin": self.web}
        with httpx.Client(base_url=self.web, headers=headers, timeout=PATIENCE, trust_env=False) as client:
            yield client

    @contextmanager
    def staff(self, email: str) -> Iterator[httpx.Client]:
        """A browser-like client that is signed in."""
        with self.client() as client:
            answer = client.post("/v1/sessions", json={"email": email, "password": self.password(email)})
            assert answer.status_code == 200, answer.text
            yield carrying(client, answer)

    @contextmanager
    def guest(self, link: str, born: str) -> Iterator[httpx.Client]:
        """A patient who opened the link and gave the date of birth."""
        with self.client() as client:
            year, month, day = born.split("-")
            form = {"birth_year": year, "birth_month": month, "birth_day": day}
            answer = client.post(urlsplit(link).path, data=form)
            assert answer.status_code == 303, answer.text
            yield carrying(client, answer)

    def letters(self, to: str) -> list[Json]:
        """Mail that arrived for an address, newest first."""
        answer = httpx.get(
            f"{self.told['addresses']['mailbox']}/messages.json", params={"to": to}, timeout=PATIENCE, trust_env=False
        )
        letters: list[Json] = answer.json()["messages"]
        return letters

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.told["database_url"]) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def register(self, desk: httpx.Client, given: str, **fields: str) -> Json:
        """A new patient, known to the record service too."""
        value = str(uuid7(SystemClock().now()))
        patient = {
            "given": given,
            "family": "Marlow",
            "birth_date": "1958-04-12",
            "identifier": f"urn:example:mrn|{value}",
            "email": f"{given.lower()}@patient.example",
            **fields,
        }
        answer = desk.post("/v1/patients", json=patient)
        assert answer.status_code == 201, answer.text
        self.records.add_patient(system="urn:example:mrn", value=value)
        registered: Json = answer.json()
        return registered

    def book_now(self, desk: httpx.Client, patient: Json) -> Json:
        """A visit with the demo's clinician at the next free time; it can be joined at once."""
        (kind,) = desk.get("/v1/visit-types").json()["items"]
        doctor = next(each for each in desk.get("/v1/clinicians").json()["items"] if "Okafor" in each["name"])
        now = SystemClock().now()
        search = {
            "visit_type_id": kind["id"],
            "clinician_ids": [doctor["id"]],
            "patient_id": patient["id"],
            "start": now.isoformat(),
            "end": (now + timedelta(days=1)).isoformat(),
            "limit": 1,
        }
        (slot,) = desk.post("/v1/slots/search", json=search).json()["items"]
        return self._booked(desk, patient, clinician_id=doctor["id"], visit_type_id=kind["id"], start=slot["start"])

    def book_at_once(self, desk: httpx.Client, patient: Json) -> Json:
        """A visit with the demo's clinician that begins with the next minute, whatever else is there."""
        (kind,) = desk.get("/v1/visit-types").json()["items"]
        doctor = next(each for each in desk.get("/v1/clinicians").json()["items"] if "Okafor" in each["name"])
        soon = SystemClock().now() + timedelta(seconds=70)  # time enough to ask
        start = soon.replace(second=0, microsecond=0).isoformat()
        about = {"clinician_id": doctor["id"], "visit_type_id": kind["id"], "override": "Came without a time"}
        return self._booked(desk, patient, start=start, **about)

    def _booked(self, desk: httpx.Client, patient: Json, **about: str) -> Json:
        answer = desk.post("/v1/visits", json={"patient_id": patient["id"], **about})
        assert answer.status_code == 201, answer.text
        booked: Json = answer.json()
        return booked

    def _said(self, pattern: str) -> str:
        found = re.search(pattern, self.up.output)
        assert found, f"the demo has not said {pattern}"
        return found[1]


def prepare(visit: str, guest: httpx.Client) -> None:
    """Agree to what the clinic asks, and answer its questions."""
    api = f"/v1/visits/{visit}"
    asked = guest.get(f"{api}/preparation").json()["consent"]
    assert guest.post(f"{api}/consent", json={"text_id": asked["text_id"]}).status_code == 200
    answers = {"reason": "The blood test.", "medicines": False}
    saved = guest.put(f"{api}/intake", json={"answers": answers, "complete": True}, headers={"If-None-Match": "*"})
    assert saved.status_code == 200, saved.text


def begin_call(demo: Demo, visit: str, host: httpx.Client, guest: httpx.Client) -> None:
    """Admit, then both sides in signalling and reporting media, as their browsers would: the visit has begun."""
    assert host.post(f"/v1/visits/{visit}/admit").status_code == 200
    tickets = []
    for client, path in ((host, "host-tickets"), (guest, "tickets")):
        answer = client.post(f"/v1/visits/{visit}/{path}")
        assert answer.status_code == 200, answer.text
        tickets.append(answer.json()["ticket"])
    asyncio.run(_talk(demo.web, tickets, lambda: host.get(f"/v1/visits/{visit}").json()["status"] == "in_progress"))


async def _talk(web: str, tickets: list[str], has_begun: Callable[[], bool]) -> None:
    async with AsyncExitStack() as stack:
        talkers = []
        for ticket in tickets:
            address = web.replace("http", "ws", 1) + "/v1/signalling"
            talker = Talker(await stack.enter_async_context(connect(address, origin=Origin(web), proxy=None)))
            await talker.put({"type": "hello", "v": 1, "ticket": ticket})
            talker.welcome = await talker.hear("welcome")
            talkers.append(talker)
        for talker in talkers:
            await talker.say("media_state", generation=talkers[-1].welcome["generation"], state="connected")
        await asyncio.to_thread(eventually, has_begun)


def carrying(client: httpx.Client, answer: httpx.Response) -> httpx.Client:
    """The session goes on: its cookies are Secure, so over plain HTTP they are carried by hand."""
    client.headers["Cookie"] = "; ".join(each.split(";")[0] for each in answer.headers.get_list("set-cookie"))
    return client


def eventually(question: Callable[[], Any], *, within: float = PATIENCE, every: float = 0.1) -> Any:
    """The first truthy answer. Fails with the last one."""
    end = time.monotonic() + within
    while not (answer := question()):
        assert time.monotonic() < end, f"not within {within} s: {json.dumps(answer, default=str)}"
        time.sleep(every)
    return answer

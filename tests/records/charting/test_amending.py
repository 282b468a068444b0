"""Amending over HTTP and by links and forms alone."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from telehealth.core.actors import SYSTEM, Actor, Scope
from telehealth.db.unit import UnitOfWork
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.records.attachments.ports import Limits
from telehealth.records.charting.ports import RoomFollowUps, SupervisorTasks
from telehealth.records.charting.routes import OPERATIONS, PAGES
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.memory import MemoryRecordService
from telehealth.records.delivery.ports import Destination, Destinations
from telehealth.records.delivery.profiles import US_CORE
from tests.kit.staff import open_own_account
from tests.kit.visits import Arranged, arrange_visit
from tests.kit.web import bearer, client_of

AUTHOR = bearer("author")


class NoFollowUps:
    async def of_visit(self, *_: object) -> list[object]:
        return []


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


@pytest.fixture
async def http(unit_of_work: UnitOfWork, arranged: Arranged) -> AsyncIterator[httpx.AsyncClient]:
    reads = arranged.clinician.scopes | {Scope.SUMMARIES_READ}
    await unit_of_work.run(open_own_account, SYSTEM, arranged.clinician)
    known: dict[str, Actor] = {"author": replace(arranged.clinician, scopes=reads)}
    ports: dict[type, object] = {
        Destinations: Destinations((Destination(RECORD_SERVICE, US_CORE, MemoryRecordService()),)),
        RoomFollowUps: NoFollowUps(),
        SupervisorTasks: CosignatureTasks(),
        Limits: Limits(1),
    }
    async with client_of(unit_of_work, (*OPERATIONS, *PAGES), known, ports=ports) as client:
        client.headers.update(AUTHOR)
        yield client


class Note:
    """The note of one visit, over the API; always over the latest revision."""

    def __init__(self, http: httpx.AsyncClient, arranged: Arranged) -> None:
        self.http, self.visit = http, f"/v1/visits/{arranged.visit_id}"
        self.etag = '"0"'

    async def __call__(self, way: str, body: object, status: int = 200) -> httpx.Response:
        method = "POST" if way else "PUT"
        path = f"{self.visit}/note/{way}".rstrip("/")
        answer = await self.http.request(method, path, json=body, headers={"If-Match": self.etag})
        assert answer.status_code == status, answer.text
        self.etag = answer.headers.get("etag", self.etag)
        return answer

    async def sign(self, content: str) -> None:
        await self("", {"content": content})
        await self("sign", {})

    async def versions(self) -> list[tuple[int, str | None, str | None, str]]:
        items = (await self.http.get(f"{self.visit}/note/versions")).json()["items"]
        return [(each["version"], each["relation"], each["status"], each["state"]) for each in items]


@pytest.fixture
def note(http: httpx.AsyncClient, arranged: Arranged) -> Note:
    return Note(http, arranged)


async def test_each_amendment_is_drafted_signed_and_on_its_way(note: Note) -> None:
    await note.sign("Rest.")
    begun = await note("amend", {"relation": "appends"})
    assert (begun.json()["state"], begun.json()["amendment"], begun.json()["content"]) == ("draft", "appends", "")
    await note.sign("And tea.")
    summary = (await note.http.get(f"{note.visit}/summary")).json()
    assert summary["text"].endswith("\n\nRest.\n")
    assert [each["text"].splitlines()[-1] for each in summary["addenda"]] == ["And tea."]
    await note("amend", {"relation": "replaces"})
    await note.sign("No tea.")
    summary = (await note.http.get(f"{note.visit}/summary")).json()
    assert (summary["version"], summary["doc_status"], summary["addenda"]) == (3, "amended", [])
    assert await note.versions() == [
        (1, None, "superseded", "delivering"),
        (2, "appends", "superseded", "delivering"),
        (3, "replaces", "current", "delivering"),
    ]


async def test_a_retracted_note_is_gone_and_another_may_be_written(note: Note) -> None:
    await note.sign("Rest.")
    await note("retract", {"version": 1, "reason": "Wrong patient."})
    gone = await note.http.get(f"{note.visit}/summary")
    assert (gone.status_code, gone.json()["type"]) == (410, "/problems/note-retracted")
    await note("amend", {"relation": None})
    await note.sign("Better.")
    assert (await note.http.get(f"{note.visit}/summary")).json()["version"] == 3
    assert [each[:3] for each in await note.versions()] == [
        (1, None, "entered-in-error"),
        (2, "retracts", None),
        (3, None, "current"),
    ]


async def test_what_cannot_be_done_says_why(note: Note) -> None:
    await note.sign("Rest.")
    for way, body, slug in (
        ("amend", {"relation": None}, "note-not-to-be-amended"),
        ("retract", {"version": 2, "reason": "x"}, "note-not-to-be-retracted"),
        ("discard", {}, "note-already-signed"),
    ):
        refused = await note(way, body, 409)
        assert refused.json()["type"] == f"/problems/{slug}"
    note.etag = '"1"'
    await note("amend", {"relation": "appends"})
    note.etag = '"1"'
    await note("amend", {"relation": "appends"}, 412)
    note.etag = '"2"'
    assert (await note("discard", {})).json()["content"] == "Rest."


@pytest.mark.parametrize(
    ("content", "status"), [("x" * 50_001, 422), ("x" * 5_000_000, 413), ("a\0b", 400), ("\u202e ", 200)]
)
async def test_a_hostile_draft_is_refused_with_words_or_cleaned(note: Note, content: str, status: int) -> None:
    answer = await note("", {"content": content}, status)
    if status == 200:
        assert answer.json()["content"] == " "
    else:
        assert answer.json()["title"]
        assert len(answer.text) < 2000


async def test_the_page_shows_what_was_signed_and_works_without_scripts(
    note: Note, http: httpx.AsyncClient, arranged: Arranged
) -> None:
    room = f"/visits/{arranged.visit_id}"
    typed = "## Plan\n\n<script>alert(1)</script> **Rest**"
    seen = await http.post(f"{room}/note/preview", data={"version": "0", "content": typed})
    assert (await http.post("/v1/notes/preview", json={"content": typed})).json()["html"] in seen.text
    assert "**Rest**</textarea>" in seen.text
    assert (await http.get(f"/v1/visits/{arranged.visit_id}/note")).json()["version"] == 0
    await note.sign("## Plan\n\n<script>alert(1)</script> **Rest**")
    page = (await http.get(room)).text
    assert '<h5 dir="auto">Plan</h5>' in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; <strong>Rest</strong>" in page
    assert (await http.post("/v1/notes/preview", json={"content": typed})).json()["html"] in page
    assert (await http.post(f"{room}/note/preview", data={"version": "1", "content": "More."})).text.count("More.") == 0
    (version,) = set(re.findall(r'name="version" value="(\d+)"', page))
    begun = await http.post(f"{room}/note/amend", data={"version": version, "relation": "appends"})
    assert begun.status_code == 303
    late = await http.post(f"{room}/note/retract", data={"version": version, "signed": "1", "reason": "Typed before."})
    assert late.status_code == 409
    assert (await http.post(f"{room}/sign", data={"version": "2", "content": "And tea."})).status_code == 303
    page = (await http.get(room)).text
    assert "And tea." in page
    (version,) = set(re.findall(r'name="version" value="(\d+)"', page))
    empty = await http.post(f"{room}/note/retract", data={"version": version, "signed": "1", "reason": " "})
    assert empty.status_code == 409
    done = await http.post(f"{room}/note/retract", data={"version": version, "signed": "1", "reason": "Wrong patient."})
    assert done.status_code == 303
    page = (await http.get(room)).text
    assert 'value="anew"' in page
    assert (await http.post(f"{room}/note/discard", data={"version": "9"})).status_code == 409

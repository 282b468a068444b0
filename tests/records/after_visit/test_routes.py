"""Summaries over HTTP: the clinician's forms, the patient's page, and who is shown nothing."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.records.after_visit.ports import PatientTasks
from telehealth.records.after_visit.routes import OPERATIONS, PAGES
from telehealth.records.after_visit.rules import READABLE_FOR
from telehealth.records.notes.amendments import Relation
from tests.kit.staff import open_own_account
from tests.kit.summaries import Tasks, ToDo, entered, linked, retracted, signed
from tests.kit.visits import Arranged, arrange_visit
from tests.kit.web import bearer, client_of
from tests.records.charting.test_cosigning import add_supervisor

NOTE = "# Findings\n\nSecret thing.\n\n# Plan\n\nKeep the dose <b>x</b>.\n"
AUTHOR, PATIENT = bearer("author"), bearer("patient")


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


@pytest.fixture
async def http(unit_of_work: UnitOfWork, arranged: Arranged) -> AsyncIterator[httpx.AsyncClient]:
    await unit_of_work.run(open_own_account, SYSTEM, arranged.clinician)
    reader, _ = await unit_of_work.run(entered, SYSTEM, await unit_of_work.run(linked, SYSTEM, arranged))
    other = await unit_of_work.run(arrange_visit)
    stranger, _ = await unit_of_work.run(entered, SYSTEM, await unit_of_work.run(linked, SYSTEM, other))
    known = {
        "author": arranged.clinician,
        "colleague": Actor(uuid4(), Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=uuid4()),
        "patient": reader,
        "stranger": stranger,
        "guest": Actor(reader.id, Role.GUEST, SCOPES[Role.GUEST], visit_id=reader.visit_id),
        "desk": Actor(uuid4(), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK]),
    }
    task = ToDo("", unit_of_work.clock.now() + timedelta(days=3), "lab")
    ports: dict[type, object] = {PatientTasks: Tasks([task])}
    async with client_of(unit_of_work, (*OPERATIONS, *PAGES), known, ports=ports) as client:
        yield client


async def note(unit_of_work: UnitOfWork, arranged: Arranged, content: str = NOTE, *, amends: bool = False) -> None:
    await unit_of_work.run(signed, arranged.clinician, arranged, content, Relation.REPLACES if amends else None)


async def test_a_summary_is_released_over_the_api_once_it_is_signed(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged
) -> None:
    path = f"/v1/visits/{arranged.visit_id}/after-visit-summaries"
    body = {"note_version": 1, "sections": [1], "words": "Descanse.", "words_language": "es"}
    refused = await http.post(path, json=body, headers=AUTHOR)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/nothing-signed")
    assert (await http.get(path, headers=AUTHOR)).json() == {"offer": None, "items": []}
    await note(unit_of_work, arranged)
    offer = (await http.get(path, headers=AUTHOR)).json()["offer"]
    assert [each["title"] for each in offer["sections"]] == ["Findings", "Plan"]
    made = await http.post(path, json={**body, "tasks": [offer["tasks"][0]["id"]]}, headers=AUTHOR)
    assert (made.status_code, made.json()["standing"], made.json()["number"]) == (201, "current", 1)
    for wrong, slug in (
        ({**body, "note_version": 2}, "note-amended"),
        ({**body, "sections": [9]}, "not-on-offer"),
        ({"note_version": 1}, "nothing-to-release"),
    ):
        answer = await http.post(path, json=wrong, headers=AUTHOR)
        assert answer.json()["type"] == f"/problems/{slug}"
    for who, status in (("colleague", 404), ("patient", 403), ("desk", 403), ("guest", 403)):
        assert (await http.post(path, json=body, headers=bearer(who))).status_code == status
        assert (await http.get(path, headers=bearer(who))).status_code == status
    assert len((await http.get(path, headers=AUTHOR)).json()["items"]) == 1


async def test_forms_release_what_is_ticked_and_keep_what_was_typed(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged
) -> None:
    page = f"/visits/{arranged.visit_id}/after-visit-summary"
    assert "Nothing is signed now" in (await http.get(page, headers=AUTHOR)).text
    await note(unit_of_work, arranged)
    drawn = (await http.get(page, headers=AUTHOR)).text
    boxes = re.findall(r'name="(section|task)" value="([^"]+)"( checked)?', drawn)
    assert [(name, ticked) for name, _, ticked in boxes] == [
        ("section", ""),
        ("section", " checked"),
        ("task", " checked"),
    ]
    await note(unit_of_work, arranged, "# Plan\n\nHalf the dose.", amends=True)
    form = {"note_version": "1", "section": ["1"], "words": "Rest & drink", "words_language": "fr"}
    late = await http.post(page, data=form, headers=AUTHOR)
    assert late.status_code == 409
    assert "The note was amended since you read it." in late.text
    assert "Rest &amp; drink</textarea>" in late.text
    assert '<option value="fr" selected>' in late.text
    empty = await http.post(page, data={"note_version": "2"}, headers=AUTHOR)
    assert (empty.status_code, "Choose a section" in empty.text, " checked" in empty.text) == (409, True, False)
    done = await http.post(page, data={**form, "note_version": "2", "section": ["0"]}, headers=AUTHOR)
    assert (done.status_code, done.headers["location"]) == (303, f"{page}#released")
    assert "The patient reads this one" in (await http.get(page, headers=AUTHOR)).text
    assert (await http.get(page, headers=bearer("colleague"))).status_code == 404


async def test_a_trainee_is_told_why_words_of_their_own_are_not_released(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged
) -> None:
    await note(unit_of_work, arranged)
    page, path = (f"/visits/{arranged.visit_id}/after-visit-summar{end}" for end in ("y", "ies"))
    field, why = '<textarea id="words"', "No supervisor reads what you write here"
    drawn = (await http.get(page, headers=AUTHOR)).text
    assert (field in drawn, why in drawn) == (True, False)
    await unit_of_work.run(add_supervisor, SYSTEM, arranged.clinician, "Berg")
    drawn = (await http.get(page, headers=AUTHOR)).text
    assert (field in drawn, why in drawn) == (False, True)
    typed = {"note_version": "1", "section": ["1"], "words": "Rest & drink"}
    refused = await http.post(page, data=typed, headers=AUTHOR)
    assert (refused.status_code, why in refused.text, "Rest &amp; drink</textarea>" in refused.text) == (
        409,
        True,
        True,
    )
    body = {"note_version": 1, "sections": [1], "words": "Rest."}
    answer = await http.post(f"/v1{path}", json=body, headers=AUTHOR)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/words-not-cosigned")
    assert (await http.post(page, data={**typed, "words": ""}, headers=AUTHOR)).status_code == 303


async def test_the_patient_reads_it_as_it_stands(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged
) -> None:
    page, path = "/visit/summary", f"/v1/visits/{arranged.visit_id}/after-visit-summaries"
    await note(unit_of_work, arranged)
    assert (await http.get(page, headers=PATIENT)).status_code == 404
    body = {"note_version": 1, "sections": [1], "words": "Descanse.", "words_language": "es"}
    await http.post(path, json=body, headers=AUTHOR)
    drawn = (await http.get(page, headers=PATIENT)).text
    assert "Secret thing" not in drawn
    assert "Keep the dose &lt;b&gt;x&lt;/b&gt;." in drawn
    assert '<div class="words" lang="es" dir="auto"><p dir="auto">Descanse.</p></div>' in drawn
    assert "Written in this language: Spanish" in drawn
    assert "From version 1 of the note, signed by Dr. Grace Sample on Monday, March 2, 2026" in drawn
    assert "(Coordinated Universal Time)" in drawn
    arabic = (await http.get(f"{page}?lang=ar", headers=PATIENT)).text
    assert '<html lang="ar" dir="rtl">' in arabic
    assert "Descanse." in arabic
    sheet = await http.get(f"{page}.pdf", headers=PATIENT)
    assert (sheet.status_code, sheet.headers["content-type"], sheet.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert sheet.headers["content-disposition"] == 'attachment; filename="summary.pdf"'
    http.cookies.clear()  # the language that was chosen
    await note(unit_of_work, arranged, "# Plan\n\nHalf the dose.", amends=True)
    changed = (await http.get(page, headers=PATIENT)).text
    assert "Your clinician has changed the note" in changed
    assert "Half the dose" not in changed
    await http.post(path, json={"note_version": 2, "sections": [0]}, headers=AUTHOR)
    newer = (await http.get(page, headers=PATIENT)).text
    assert ("Half the dose" in newer, "Keep the dose" in newer, "takes the place" in newer) == (True, False, True)
    await unit_of_work.run(retracted, arranged.clinician, arranged, 2)
    gone = (await http.get(page, headers=PATIENT)).text
    assert ("was withdrawn" in gone, "dose" in gone) == (True, False)
    assert (await http.get(f"{page}.pdf", headers=PATIENT)).status_code == 410


async def test_nobody_else_is_shown_anything(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged, clock: FixedClock
) -> None:
    await note(unit_of_work, arranged)
    path = f"/v1/visits/{arranged.visit_id}/after-visit-summaries"
    await http.post(path, json={"note_version": 1, "sections": [1]}, headers=AUTHOR)
    for who, status in (("stranger", 404), ("guest", 403), ("desk", 403), ("author", 403)):
        answer = await http.get("/visit/summary", headers=bearer(who))
        assert (answer.status_code, "dose" in answer.text) == (status, False)
        assert (await http.get("/visit/summary.pdf", headers=bearer(who))).status_code == status
    assert (await http.get("/visit/summary", headers=PATIENT)).status_code == 200
    clock.advance(READABLE_FOR)
    assert (await http.get("/visit/summary", headers=PATIENT)).status_code == 404

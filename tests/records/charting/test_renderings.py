"""One signed version, in every form it can be read: JSON, its text, a tagged PDF, a FHIR document."""

import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import fhirkit
import httpx
import pikepdf
import pytest
from pyfhircheck import Validator
from pyfhircheck.config import ValidatorConfig
from pyfhircheck.models import Severity
from sqlalchemy import func, select

from telehealth.core.actors import SYSTEM, Actor, Role, Scope
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.http.accepting import preferred
from telehealth.http.locales import WEB
from telehealth.records.charting import queries, service
from telehealth.records.charting.bundles import PROFILE
from telehealth.records.charting.routes import OPERATIONS
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.rules import NoteKind
from tests.kit.tagged import tags
from tests.kit.visits import Arranged, arrange_visit
from tests.kit.web import bearer, client_of

NOTE = """## Findings

Blood pressure **128/82**, *stable*. <script>alert(1)</script> $x$ #strong[y] & [guide](https://clinic.example/bp)

1. Walk
2. Sleep
   - eight hours

# Plan

Keep the dose. صداع أقل.
"""
READER = bearer("reader")
MISTAKEN = (
    "Composition.section[0].text",
    "Composition.section[1].text",
)  # pyfhircheck 0.2 does not know this element of R4; fhirkit does
ALL = (
    "application/json",
    "application/fhir+json",
    "application/pdf",
    "text/plain",
)


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


@pytest.fixture
async def http(unit_of_work: UnitOfWork) -> AsyncIterator[httpx.AsyncClient]:
    known = {"reader": Actor(uuid4(), Role.SYSTEM, frozenset(Scope))}
    async with client_of(unit_of_work, OPERATIONS, known) as client:
        yield client


async def read(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged, accept: str, *, content: str = NOTE
) -> httpx.Response:
    await unit_of_work.run(_signed, arranged.clinician, arranged, content)
    return await http.get(f"/v1/visits/{arranged.visit_id}/summary", headers={**READER, "Accept": accept})


async def _signed(unit: Unit, arranged: Arranged, content: str) -> None:
    await service.save_draft(unit, arranged.visit_id, version=0, content=content, kind=NoteKind.PROGRESS)
    await service.sign(unit, arranged.visit_id, version=1, destinations=["record-service"], tasks=CosignatureTasks())


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/pdf", "application/pdf"),
        ("application/fhir+json, application/json;q=0.5", "application/fhir+json"),
        ("application/json;q=0.1, application/*", "application/fhir+json"),
        ("text/*", "text/plain"),
        ("image/png", "application/json"),
        ("application/pdf;q=x, text/plain;q=0.2", "text/plain"),
    ],
)
def test_the_form_that_was_asked_for(accept: str, form: str) -> None:
    assert preferred(accept, ALL) == form


async def test_every_form_tells_the_same(unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged) -> None:
    told = (await read(unit_of_work, http, arranged, "application/json")).json()
    path = f"/v1/visits/{arranged.visit_id}/summary"
    text = await http.get(path, headers={**READER, "Accept": "text/plain"})
    assert (text.text, text.headers["vary"]) == (told["text"], "Accept")
    assert text.headers["content-type"].startswith("text/plain")
    document = await http.get(path, headers={**READER, "Accept": "application/fhir+json"})
    again = await http.get(path, headers={**READER, "Accept": "application/fhir+json"})
    assert document.content == again.content
    assert document.headers["content-type"] == "application/fhir+json"
    sheets = [await http.get(path, headers={**READER, "Accept": "application/pdf"}) for _ in range(2)]
    assert sheets[0].content == sheets[1].content
    traced = await unit_of_work.run(_traced, SYSTEM, arranged)
    assert traced == 6


async def _traced(unit: Unit, arranged: Arranged) -> int:
    """How often the version was read."""
    read_ = (AuditRow.entity == "note_version", AuditRow.action == "read", AuditRow.patient_id == arranged.patient_id)
    return await unit.session.scalar(select(func.count()).where(*read_)) or 0


async def test_the_pdf_is_tagged_and_says_what_it_is(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged
) -> None:
    answer = await read(unit_of_work, http, arranged, "application/pdf")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="note.pdf"'
    with pikepdf.open(io.BytesIO(answer.content)) as document:
        root = document.Root
        assert root.MarkInfo.Marked
        assert str(root.Lang) == "en"
        assert root.ViewerPreferences.DisplayDocTitle
        with document.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
            assert "Ada Example" in str(metadata["dc:title"])
        found = list(tags(root.StructTreeRoot.K))
        assert document.pages[0].obj.Tabs == pikepdf.Name.S
    assert found[0] == "/Document"
    assert {"/P", "/L", "/LI", "/Link"} <= set(found)
    assert [each for each in found if each in {"/H1", "/H2", "/H3"}] == [
        "/H1",
        "/H2",
        "/H2",
    ]  # below the title, none left out


async def test_its_labels_are_in_the_readers_language_and_the_words_are_not(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged
) -> None:
    first = await read(unit_of_work, http, arranged, "application/pdf")
    asked = {**READER, "Accept": "application/pdf", "Accept-Language": "ar"}
    path = f"/v1/visits/{arranged.visit_id}/summary"
    arabic, again = [await http.get(path, headers=asked) for _ in range(2)]
    assert (arabic.status_code, arabic.headers["vary"]) == (200, "Accept, Accept-Language")
    assert (arabic.content == again.content, arabic.content == first.content) == (True, False)
    with pikepdf.open(io.BytesIO(arabic.content)) as document, document.open_metadata() as metadata:
        assert (str(document.Root.Lang), str(document.Root.ViewerPreferences.Direction)) == ("ar", "/R2L")
        assert "ملاحظة متابعة, Ada Example" in str(metadata["dc:title"])


async def test_what_no_font_shows_is_refused_rather_than_left_out(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged
) -> None:
    answer = await read(unit_of_work, http, arranged, "application/pdf", content="Better \U0001f9ff\ue000\U000e0fff.")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-to-be-drawn")


async def test_the_fhir_document_holds_together(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged, tmp_path: Path
) -> None:
    bundle = (await read(unit_of_work, http, arranged, "application/fhir+json")).json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "document")
    first = bundle["entry"][0]["resource"]
    assert (first["resourceType"], first["meta"]["profile"]) == ("Composition", [PROFILE])
    assert "<script>" not in json.dumps(first)
    assert "<strong>128/82</strong>" in first["section"][0]["text"]["div"]
    held = {each["fullUrl"] for each in bundle["entry"]}
    assert set(references(bundle)) <= held
    assert held - set(references(bundle)) == {bundle["entry"][0]["fullUrl"]}  # nothing that nobody refers to
    assert faults(bundle, tmp_path) == []


@pytest.mark.parametrize("defect", ["encounter", "attester", "date", "section"])
async def test_a_planted_defect_is_found(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged, tmp_path: Path, *, defect: str
) -> None:
    bundle = (await read(unit_of_work, http, arranged, "application/fhir+json")).json()
    del bundle["entry"][0]["resource"][defect]
    assert faults(bundle, tmp_path) != []


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def faults(bundle: dict[str, Any], directory: Path) -> list[str]:
    """What R4 and our own StructureDefinition have against it."""
    package = directory / "package"
    package.mkdir()
    (package / "package.json").write_text(json.dumps({"name": "telehealth", "version": "0.1.0"}))
    (package / "signed-note.json").write_text((WEB / "documents/signed-note.json").read_text("utf-8"))
    config = ValidatorConfig(
        local_package_paths=[str(package)], package_cache_dir=str(directory / "cache"), remote_package_sources=[]
    )
    found = [
        f"{each.path}: {each.message}" for each in fhirkit.validate(json.dumps(bundle)) if each.severity == "error"
    ]
    for resource in (bundle, bundle["entry"][0]["resource"]):
        report = Validator(config).validate_resource(resource)
        found += [each.message for each in report.issues if each.severity is Severity.ERROR]
    return [each for each in found if not each.endswith(MISTAKEN)]


async def test_an_addendum_is_in_every_form(
    unit_of_work: UnitOfWork, http: httpx.AsyncClient, arranged: Arranged, tmp_path: Path
) -> None:
    first = (await read(unit_of_work, http, arranged, "application/fhir+json")).json()
    await unit_of_work.run(_appended, arranged.clinician, arranged, "The blood test is fine.")
    path = f"/v1/visits/{arranged.visit_id}/summary"
    forms = {form: await http.get(path, headers={**READER, "Accept": form}) for form in ALL}
    assert "The blood test is fine." in forms["text/plain"].text
    assert "Keep the dose." in forms["text/plain"].text
    bundle = forms["application/fhir+json"].json()
    composition = bundle["entry"][0]["resource"]
    assert (composition["status"], len(composition["section"]), len(composition["attester"])) == ("amended", 2, 2)
    assert "The blood test is fine." in composition["section"][1]["text"]["div"]
    assert (bundle["id"] != first["id"], faults(bundle, tmp_path)) == (True, [])
    with pikepdf.open(io.BytesIO(forms["application/pdf"].content)) as document:
        found = list(tags(document.Root.StructTreeRoot.K))
    assert [each for each in found if each in {"/H1", "/H2", "/H3"}] == ["/H1", "/H2", "/H2", "/H1"]


async def _appended(unit: Unit, arranged: Arranged, content: str) -> None:
    visit = arranged.visit_id
    note = await queries.open_note(unit, visit)
    note = await service.amend(unit, visit, version=note.version, relation=Relation.APPENDS)
    note = await service.save_draft(unit, visit, version=note.version, content=content, kind=note.kind)
    await service.sign(unit, visit, version=note.version, destinations=["record-service"], tasks=CosignatureTasks())

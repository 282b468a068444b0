"""The summary as a PDF: tagged, in the reader's language, the clinician's words in theirs, the same bytes each time."""

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import fhirkit
import pikepdf
import pytest

from telehealth.core.ids import ClinicianId, NoteId, PatientId, VisitId
from telehealth.http.locales import LANGUAGES, Locales
from telehealth.records.after_visit.documents import document_reference
from telehealth.records.after_visit.rules import (
    Appointment,
    Contents,
    Passage,
    Release,
    Standing,
    SummaryWithdrawn,
    Task,
)
from telehealth.records.after_visit.sheets import Reader, pdf
from telehealth.records.charting.queries import Subject
from telehealth.records.charting.sheets import NotToBeDrawn
from tests.kit.tagged import spoken

NOW = datetime(2026, 3, 3, 14, 25, 6, 789012, tzinfo=UTC)  # as clocks tell it
ID = UUID(int=7)
CONTENTS = Contents(
    [Passage(1, "Plan", "Keep the dose, *5 mg*.\n\n1. Walk\n2. Sleep"), Passage(2, "", "#strong[x] $y$")],
    "خذ الدواء **مرتين**.\n\n- [دليل](https://clinic.example/bp)",
    [Appointment(ID, NOW + timedelta(days=7))],
    [Task(ID, "lab", "", NOW), Task(ID, "custom", "Walk", NOW)],
)
RELEASE = Release(
    id=ID,
    visit_id=VisitId(ID),
    patient_id=PatientId(ID),
    clinician_id=ClinicianId(ID),
    number=1,
    note_id=NoteId(ID),
    note_version=2,
    signed_at=NOW,
    language="es",
    note_language="en-GB",
    words_language="ar",
    author_name="Dr. Ada Lindqvist",
    released_at=NOW,
    sha256="ab" * 32,
    standing=Standing.CURRENT,
    contents=CONTENTS,
)


@pytest.fixture(scope="module")
def locales() -> Locales:
    return Locales.load()


def reader(locales: Locales, language: str) -> Reader:
    return Reader(
        locale=locales.get(language),
        zone=ZoneInfo("Europe/Madrid"),
        subject=Subject("urn:mrn|1", "Rosa Moreno", birth_date=date(1980, 2, 3)),
        clinic="Riverside Health",
        visit_at=NOW,
    )


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_is_tagged_and_says_in_which_language_each_part_is(locales: Locales, language: str) -> None:
    drawn = await pdf(RELEASE, reader(locales, language))
    assert drawn == await pdf(RELEASE, reader(locales, language))
    with pikepdf.open(io.BytesIO(drawn)) as document:
        root = document.Root
        assert (bool(root.MarkInfo.Marked), str(root.Lang)) == (True, language)
        assert str(root.ViewerPreferences.Direction) == ("/R2L" if language == "ar" else "/L2R")
        with document.open_metadata() as metadata:
            assert (metadata["pdfuaid:part"], "Rosa Moreno" in str(metadata["dc:title"])) == ("1", True)
        found = list(spoken(root.StructTreeRoot.K))
    headings = [tag for tag, _ in found if tag in {"/H1", "/H2", "/H3"}]
    assert headings == ["/H1", "/H1", "/H2", "/H1", "/H1"]
    assert {"/L", "/LI", "/Link", "/Strong", "/Em"} <= {tag for tag, _ in found}
    assert {said for _, said in found if said} == {"en", "ar"} - {language}


async def test_what_was_amended_since_says_so_and_what_was_retracted_is_not_drawn(locales: Locales) -> None:
    current = await pdf(RELEASE, reader(locales, "es"))
    stale = await pdf(replace(RELEASE, standing=Standing.SUPERSEDED), reader(locales, "es"))
    assert len(stale) > len(current)
    with pytest.raises(SummaryWithdrawn):
        await pdf(replace(RELEASE, standing=Standing.WITHDRAWN, contents=None), reader(locales, "es"))


async def test_what_no_font_shows_is_refused(locales: Locales) -> None:
    odd = replace(RELEASE, contents=replace(CONTENTS, words="\U0001f9ff\ue000\U000e0fff"))
    with pytest.raises(NotToBeDrawn):
        await pdf(odd, reader(locales, "en"))


@pytest.mark.parametrize(("standing", "status"), [(Standing.CURRENT, "current"), (Standing.SUPERSEDED, "superseded")])
async def test_as_a_document_reference_it_names_the_version_it_comes_from(
    locales: Locales, standing: Standing, status: str
) -> None:
    release = replace(RELEASE, standing=standing)
    document = document_reference(release, await pdf(release, reader(locales, "es")))
    assert [each for each in fhirkit.validate(json.dumps(document)) if each.severity == "error"] == []
    (relation,) = document["relatesTo"]
    assert (relation["code"], relation["target"]["identifier"]["value"]) == ("transforms", f"{ID}-v2")
    (content,) = document["content"]
    assert (document["status"], content["attachment"]["language"]) == (status, "es")
    assert document["type"]["coding"][0]["code"] == "34133-9"

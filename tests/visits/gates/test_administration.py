"""An administrator publishes texts and questions with links and forms alone."""

import json
import re
from collections.abc import AsyncIterator

import pytest

from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from tests.kit.by_hand import House, open_by_hand
from tests.visits.gates.arriving import QUESTIONS

TEXTS, ASKED = "/admin/consent-texts", "/admin/questionnaires"


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def test_a_text_is_published_read_replaced_and_retired(house: House) -> None:
    assert f'href="{TEXTS}"' in (await house.admin.get("/admin")).text
    assert "Nobody is asked" in (await house.admin.get(TEXTS)).text
    kind = str(house.clinic.visit_type.id)
    first = {"text_en": "We ask you.\r\n\r\nYou may say <no>.", "text_es": "Le preguntamos.", "visit_type": kind}
    done = await house.admin.post(TEXTS, data=first)
    assert done.headers["location"] == f"{TEXTS}?told=published"
    page = await house.admin.get(done.headers["location"])
    assert '<p dir="auto">We ask you.</p>' in page.text
    assert "You may say &lt;no&gt;." in page.text
    again = re.search(r'href="(/admin/consent-texts\?text=[0-9a-f-]{36})#new-title"', page.text)
    assert again
    form = await house.admin.get(again[1])
    assert "Le preguntamos.</textarea>" in form.text
    assert f'value="{kind}" selected' in form.text
    await house.admin.post(TEXTS, data={"seen": seen_in(form.text), "text_en": "Again.", "visit_type": kind})
    page = await house.admin.get(TEXTS)
    assert "version 2" in page.text
    (retire,) = re.findall(r'action="(/admin/consent-texts/[0-9a-f-]{36}/retire)"', page.text)
    assert (await house.admin.post(retire)).headers["location"] == f"{TEXTS}?told=retired"
    assert "Nobody is asked" in (await house.admin.get(TEXTS)).text


def seen_in(page: str) -> str:
    """What the form says that it was drawn from."""
    (seen,) = re.findall(r'name="seen" value="([^"]*)"', page)
    return str(seen)


async def test_of_two_who_publish_for_the_same_the_second_reads_it_first(house: House) -> None:
    seen = seen_in((await house.admin.get(TEXTS)).text)
    assert (await house.admin.post(TEXTS, data={"seen": seen, "text_en": "The first."})).status_code == 303
    elsewhere = {"seen": seen, "text_en": "Of one place.", "location": "US-CA"}
    assert (await house.admin.post(TEXTS, data=elsewhere)).status_code == 303, "another place is nobody's hindrance"
    page = await house.admin.post(TEXTS, data={"seen": seen, "text_en": "The second."})
    assert page.status_code == 409
    assert "Somebody else has just changed what is asked here" in page.text
    assert "The second.</textarea>" in page.text, "what was typed"
    assert '<p dir="auto">The first.</p>' in page.text, "what is there now"
    unfit = await house.admin.post(TEXTS, data={"seen": seen, "text_en": " "})
    assert seen_in(unfit.text) == seen, "of the other one nobody has been told yet"
    after = {"seen": seen_in(page.text), "text_en": "The second."}
    assert (await house.admin.post(TEXTS, data=after)).status_code == 303
    assert (await house.admin.post(TEXTS, data={**after, "seen": "none"})).status_code == 422


async def test_what_somebody_has_retired_is_not_published_again_unseen(house: House) -> None:
    await house.admin.post(TEXTS, data={"text_en": "Of everywhere."})
    page = await house.admin.get(TEXTS)
    (retire,) = re.findall(r'action="(/admin/consent-texts/[0-9a-f-]{36}/retire)"', page.text)
    await house.admin.post(retire)
    elsewhere = {"seen": seen_in(page.text), "text_en": "Of one place.", "location": "US-CA"}
    assert (await house.admin.post(TEXTS, data=elsewhere)).status_code == 303, "another place is nobody's hindrance"
    refused = await house.admin.post(TEXTS, data={"seen": seen_in(page.text), "text_en": "With a word changed."})
    assert refused.status_code == 409
    assert "With a word changed.</textarea>" in refused.text
    after = {"seen": seen_in(refused.text), "text_en": "With a word changed."}
    assert (await house.admin.post(TEXTS, data=after)).status_code == 303


async def test_a_text_without_words_is_asked_again(house: House) -> None:
    refused = await house.admin.post(TEXTS, data={"text_en": "  ", "location": "US-CA"})
    assert refused.status_code == 422
    assert 'href="#text_en"' in refused.text
    assert 'value="US-CA" selected' in refused.text


async def test_questions_are_checked_shown_published_and_retired(house: House) -> None:
    one = f"{ASKED}/{house.clinic.visit_type.id}"
    assert f'href="{one}"' in (await house.admin.get(ASKED)).text
    typed = {"questionnaire": json.dumps(QUESTIONS, indent=2), "version": "0"}
    shown = await house.admin.post(one, data={**typed, "action": "preview"})
    assert "Do you smoke?" in shown.text.partition("preview-title")[2]
    assert "Nothing is asked" in (await house.admin.get(ASKED)).text, "it was only looked at"
    done = await house.admin.post(one, data={**typed, "action": "publish"})
    assert done.headers["location"] == f"{ASKED}?told=published"
    assert "version 1" in (await house.admin.get(ASKED)).text
    late = await house.admin.post(one, data={**typed, "action": "publish"})
    assert late.status_code == 409
    assert "Do you smoke?" in late.text, "what was typed is kept"
    assert (await house.admin.post(f"{one}/retire")).status_code == 303
    assert (await house.admin.post(f"{one}/retire")).status_code == 404


async def test_what_is_wrong_is_said_at_its_line_and_question(house: House) -> None:
    one = f"{ASKED}/{house.clinic.visit_type.id}"
    wrong = {**QUESTIONS, "item": [{**QUESTIONS["item"][0], "type": "colour"}]}
    typed = json.dumps(wrong, indent=1)
    line = typed[: typed.index("colour")].count("\n") + 1
    refused = await house.admin.post(one, data={"questionnaire": typed, "version": "0", "action": "publish"})
    assert refused.status_code == 422
    fault = f'<li><a href="#questionnaire">Line {line}</a>, <bdi><code>smokes</code></bdi>'
    assert fault in refused.text
    broken = await house.admin.post(one, data={"questionnaire": "{\n1", "version": "0", "action": "publish"})
    assert ">Line 2</a>: This is no JSON." in broken.text


async def test_nobody_else_may(house: House) -> None:
    for path in (TEXTS, ASKED, f"{ASKED}/{house.clinic.visit_type.id}"):
        assert (await house.desk.get(path)).status_code == 403

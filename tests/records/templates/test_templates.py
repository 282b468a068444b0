"""What notes begin with: reading phrases, publishing by hand, and what an author is given."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.records.templates import queries, routes, service
from telehealth.records.templates.rules import Phrase, UnreadablePhrases, read_phrases, written_phrases
from tests.kit import by_hand
from tests.kit.by_hand import House, open_by_hand

PAGE = "/admin/note-templates"


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(by_hand, "EVERYTHING", (*by_hand.EVERYTHING, *routes.PAGES))
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


def test_phrases_are_read() -> None:
    typed = "/rest\nRest, and\n\nwater.\n\n/Ruhe_2\nBettruhe."
    assert read_phrases(typed) == (Phrase("rest", "Rest, and\n\nwater."), Phrase("ruhe_2", "Bettruhe."))
    assert read_phrases(" \n") == ()


@pytest.mark.parametrize(
    ("typed", "line", "code"),
    [
        ("words", 1, "nameless"),
        ("/a b\nx", 1, "name"),
        ("/a\nx\n/A\ny", 3, "twice"),
        ("/a\n \n/b\nx", 1, "empty"),
        ("/a\n" + "x" * 5001, 1, "long"),
        ("\n".join(f"/p{number}\nx" for number in range(101)), 201, "many"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(typed: str, line: int, code: str) -> None:
    with pytest.raises(UnreadablePhrases) as refused:
        read_phrases(typed)
    assert [(each.line, each.code) for each in refused.value.faults] == [(line, code)]


WORDS = st.text("abc XY.\n", min_size=1, max_size=30).map(lambda text: text.strip("\n")).filter(str.strip)


@given(st.dictionaries(st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True), WORDS, max_size=5))
def test_what_is_written_is_read_again(named: dict[str, str]) -> None:
    phrases = tuple(Phrase(name, text) for name, text in named.items())
    assert read_phrases(written_phrases(phrases)) == phrases


async def test_a_kind_of_visit_has_its_own_text_and_the_phrases_of_the_house_too(house: House) -> None:
    kind = house.clinic.visit_type.id
    work = house.unit_of_work
    everywhere = (Phrase("rest", "Rest."), Phrase("tea", "Tea."))
    await work.run(service.publish, SYSTEM, None, version=0, content="## Plan\n", phrases=everywhere)
    assert (await work.run(queries.supply_for, SYSTEM, kind)).content == "## Plan\n"
    own = (Phrase("rest", "Bed rest."),)
    await work.run(service.publish, SYSTEM, kind, version=0, content="## Findings\n", phrases=own)
    given_ = await work.run(queries.supply_for, SYSTEM, kind)
    assert given_.content == "## Findings\n"
    assert given_.phrases == (Phrase("rest", "Bed rest."), Phrase("tea", "Tea."))


async def test_an_administrator_publishes_a_template_and_loses_nothing_typed(house: House) -> None:
    assert f'href="{PAGE}"' in (await house.admin.get("/admin")).text
    kind = str(house.clinic.visit_type.id)
    typed = {"visit_type": kind, "version": "0", "content": "## Plan\r\n", "phrases": "/rest\r\nRest **well**."}
    shown = await house.admin.post(PAGE, data={**typed, "action": "preview"})
    assert "Rest <strong>well</strong>." in shown.text
    wrong = await house.admin.post(PAGE, data={**typed, "phrases": "Rest."})
    assert (wrong.status_code, ">Line 1</a>" in wrong.text, "\nRest.</textarea>" in wrong.text) == (422, True, True)
    done = await house.admin.post(PAGE, data=typed)
    assert done.headers["location"] == f"{PAGE}?visit_type={kind}&told=published"
    page = (await house.admin.get(done.headers["location"])).text
    assert re.search(r'name="version" value="1"', page)
    assert "/rest\nRest **well**.</textarea>" in page
    late = await house.admin.post(PAGE, data={**typed, "content": "## Mine"})
    assert (late.status_code, "## Mine</textarea>" in late.text, "## Plan" in late.text) == (409, True, True)
    assert 'name="version" value="1"' in late.text
    again = await house.admin.post(PAGE, data={**typed, "content": "## Mine", "version": "1"})
    assert again.status_code == 303
    assert (await house.unit_of_work.run(queries.supply_for, SYSTEM, UUID(kind))).content == "## Mine"
    assert (await house.desk.get(PAGE)).status_code == 403

"""Who switches the language reads the same page: the same day, list, person; nothing else of an address is repeated."""

import re
from collections.abc import AsyncIterator

import pytest

from telehealth.catalogue import read_catalogue
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.http.call import Call
from telehealth.http.operation import PUBLIC, Face, Operation, OperationError, page
from telehealth.http.schemas import Message
from tests.kit.by_hand import House, open_by_hand

SWITCH = re.compile(r'<form method="get" action="([^"]*)" class="languages".*?</form>', re.DOTALL)
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')
SHOWN = [each for each in read_catalogue().operations if each.face is Face.PAGE and each.safe]


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock) -> AsyncIterator[House]:
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


def switch_of(text: str) -> tuple[str, dict[str, str]]:
    found = SWITCH.search(text)
    assert found, text
    return found[1], dict(FIELD.findall(found[0]))


async def test_the_same_times_are_shown_in_another_language(house: House) -> None:
    kept = {"visit_type": str(house.clinic.visit_type.id), "day": "2026-03-12", "location": "US-MN"}
    shown = await house.desk.get(f"/book/{house.clinic.patient.id}", params={**kept, "clinician": "", "lang": "fr"})
    assert shown.status_code == 200
    address, fields = switch_of(shown.text)
    assert (address, fields) == (f"/book/{house.clinic.patient.id}", kept)
    again = await house.desk.get(address, params={**fields, "lang": "ar"})
    assert again.status_code == 200
    assert 'value="2026-03-12"' in again.text
    assert switch_of(again.text) == (address, kept)


async def test_what_was_just_done_is_not_told_again(house: House) -> None:
    shown = await house.desk.get("/day?told=late")
    assert switch_of(shown.text) == ("/day", {})


async def test_what_a_page_does_not_know_is_not_repeated(house: House) -> None:
    refused = await house.desk.get("/queue?patient=secret&token=secret")
    assert refused.status_code == 422
    assert "secret" not in refused.text


@pytest.mark.parametrize("each", [each for each in SHOWN if each.query], ids=lambda each: each.name)
def test_a_page_with_a_query_takes_the_language(each: Operation) -> None:
    assert each.query is not None
    assert "lang" in each.query.model_fields
    assert not {"told", "saved", "moved", "lang"} & set(each.stays)


def test_what_stays_is_in_the_query() -> None:
    class Query(Message):
        day: str = ""

    async def shown(call: Call, query: Query) -> None:
        del call, query

    assert page("GET", "/x", shown, needs=PUBLIC, stays=("day",)).stays == ("day",)
    with pytest.raises(OperationError):
        page("GET", "/x", shown, needs=PUBLIC, stays=("week",))
    with pytest.raises(OperationError):
        page("POST", "/x", shown, needs=PUBLIC, stays=("day",))

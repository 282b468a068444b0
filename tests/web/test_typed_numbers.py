"""What hangs on a number is asked whatever digits the keyboard writes: scripts read them as the server does."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from telehealth.visits.gates.filling import read_typed
from telehealth.visits.gates.questionnaires import Item, Kind, Questionnaire, Spoken
from tests.web.browsing import stage
from tests.web.prepared import questions

pytestmark = pytest.mark.browser
SAME = (
    "70.5",
    "70,5",
    "\u0667\u0660\u066b\u0665",
    "\u06f7\u06f0\u066b\u06f5",
    "\u096d\u0966.\u096b",
    "\uff17\uff10.\uff15",
    "\U0001d7df\U0001d7d8.\U0001d7dd",
)
OTHERS = ("\u0667\u0660", "\u0667\u0660\u066b\u0665\u066b", "-\u0667\u0660\u066b\u0665", "x")


WEIGHT = Questionnaire(title=Spoken("", {}), items=(Item(link_id="weight", kind=Kind.DECIMAL, label=Spoken("", {})),))


def asked_of_heavy_people(context: dict[str, Any]) -> dict[str, Any]:
    """The sample, with a group that is for those of 70.5 kilograms."""
    asked = questions()
    for each in asked:
        if each.link == "more":
            each.when = '{"any": false, "of": [["weight", "70.5"]]}'
    asked.sort(key=lambda each: each.link == "more")
    return {**context, "questions": asked}


def test_what_hangs_on_a_number_is_asked_whatever_digits_are_typed(chromium: Browser) -> None:
    with stage(chromium, "prepare") as staged:
        context = asked_of_heavy_people(dict(staged.sample.context))
        staged.sample = replace(staged.sample, context=context)
        page = staged.open()
        group = page.locator("[data-link=more]")
        for typed in SAME:
            page.fill("[name='a.weight']", "1")
            expect(group).to_be_hidden()
            page.fill("[name='a.weight']", typed)
            expect(group).to_be_visible()
            assert read_typed(WEIGHT, {"weight": typed}) == ({"weight": Decimal("70.5")}, [])
        for typed in OTHERS:
            page.fill("[name='a.weight']", typed)
            expect(group).to_be_hidden()

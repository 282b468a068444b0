"""Where a page leads that says what cannot be done."""

import re
from dataclasses import replace

import pytest

from tests.web.drawing import draw
from tests.web.problem_samples import PROBLEMS

AGAIN, START, VISIT = ("?day=2026-03-04", "Try again"), ("/", "To the start page"), ("/", "Back to the visit")
LINK = re.compile(r'<a class="button[^"]*" href="([^"]*)">([^<]*)</a>')


def leads(**said: object) -> list[tuple[str, str]]:
    problem = PROBLEMS[0]
    given = {**problem.context, "again": "day=2026-03-04", **said}
    return LINK.findall(draw(replace(problem, context=given), "en"))


@pytest.mark.parametrize("code", [429, 500, 503])
def test_what_may_pass_by_itself_is_asked_for_again_but_nothing_is_sent_twice(code: int) -> None:
    assert leads(code=code) == [AGAIN]
    assert leads(code=code, sent=True) == []
    assert leads(code=code, known=True) == [AGAIN, START]
    assert leads(code=code, known=True, by_link=True) == [AGAIN, VISIT]


@pytest.mark.parametrize("code", [403, 404, 409, 412, 422])
def test_who_is_known_is_led_back_to_where_they_begin(code: int) -> None:
    assert leads(code=code) == []
    assert leads(code=code, known=True, sent=True) == [START]
    assert leads(code=code, known=True, by_link=True, sent=True) == [VISIT]


def test_a_link_that_is_no_longer_used_does_not_lead_in_a_circle() -> None:
    assert leads(code=410, known=True, by_link=True) == []


def test_the_query_is_part_of_an_address_and_nothing_else() -> None:
    assert leads(code=503, again='a="><script>') == [("?a=&#34;&gt;&lt;script&gt;", "Try again")]

"""Where a fault stands in what somebody typed."""

import pytest

from telehealth.visits.gates.reading import Unreadable, faults_in, read_object

TYPED = """{
  "resourceType": "Questionnaire",
  "item": [
    {"linkId": "a", "text": "One {of} \\"many\\""},
    {
      "linkId": "b",
      "item": [
        {"linkId": "c",
         "type": "colour"}
      ]
    }
  ]
}"""


@pytest.mark.parametrize(
    ("pointer", "line", "link_id"),
    [
        ("/resourceType", 2, ""),
        ("/item/0/text", 4, "a"),
        ("/item/1/linkId", 6, "b"),
        ("/item/1/item/0/type", 9, "c"),
        ("/item/1/type", 5, "b"),
        ("/title", 1, ""),
        ("/item/7", 3, ""),
    ],
)
def test_a_fault_is_shown_at_its_line_and_its_question(pointer: str, line: int, link_id: str) -> None:
    (found,) = faults_in(TYPED, read_object(TYPED), [{"pointer": pointer, "detail": "is wrong"}])
    assert (found.line, found.link_id) == (line, link_id)


@pytest.mark.parametrize(("text", "line"), [("", 1), ("[]", 1), ('{\n"a": 1,\n"b" 2}', 3), ("[" * 100_000, 1)])
def test_what_is_no_object_is_said_with_its_line(text: str, line: int) -> None:
    with pytest.raises(Unreadable) as refused:
        read_object(text)
    assert refused.value.line == line

"""Care pathways: codes as notes have them, what sets one going, and what is wrong with one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.followups.parts import Facing, TaskKind
from telehealth.pathways.rules import (
    Cause,
    CodeSystem,
    Content,
    Diagnosis,
    Situation,
    Step,
    UnfitPathway,
    diagnoses,
    faults,
    read_diagnoses,
    written_diagnoses,
)

ICD, SNOMED = CodeSystem.ICD_10, CodeSystem.SNOMED_CT


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("## Assessment\nHypertension (ICD-10 I10), worse.", [(ICD, "I10")]),
        ("ICD-10-CM: E11.9, i10; later", [(ICD, "E11.9"), (ICD, "I10")]),
        ("SNOMED CT 38341003 and SNOMED: 73211009.", [(SNOMED, "38341003"), (SNOMED, "73211009")]),
        ("ICD-10 I10. ICD-10 I10.", [(ICD, "I10")]),
        ("Room I10, dose 10, ICD-10 unknown, ICD-10I10, SNOMED 12", []),
    ],
)
def test_codes_are_found_where_their_system_is_named(text: str, found: list[tuple[CodeSystem, str]]) -> None:
    assert [(each.system, each.code) for each in diagnoses(text)] == found


CODES = st.one_of(
    st.builds(Diagnosis, st.just(ICD), st.from_regex(r"[A-Z][0-9]([0-9A-Z](\.[0-9A-Z]{1,4})?)?", fullmatch=True)),
    st.builds(Diagnosis, st.just(SNOMED), st.from_regex(r"[0-9]{6,18}", fullmatch=True)),
)


@given(st.lists(CODES, max_size=6, unique=True))
def test_what_is_written_is_read_again(listed: list[Diagnosis]) -> None:
    assert list(read_diagnoses(written_diagnoses(listed))) == listed


@pytest.mark.parametrize("typed", ["I10", "ICD-10 I10 and more", "ICD-9 401", "high blood pressure"])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(UnfitPathway):
        read_diagnoses(typed)


@pytest.mark.parametrize(
    ("of_pathway", "of_note", "covered"),
    [
        ("ICD-10 I1", "ICD-10 I10", True),
        ("ICD-10 E11", "ICD-10 E11.9", True),
        ("ICD-10 E11.9", "ICD-10 E11", False),
        ("ICD-10 I10", "ICD-10 J10", False),
        ("SNOMED 38341003", "SNOMED 38341003", True),
        ("SNOMED 383410", "SNOMED 38341003", False),
    ],
)
def test_a_code_of_icd_10_stands_for_those_that_begin_with_it(of_pathway: str, of_note: str, covered: bool) -> None:
    assert diagnoses(of_pathway)[0].covers(diagnoses(of_note)[0]) is covered


def test_what_sets_a_pathway_going() -> None:
    content = Content(name="x", visit_types=("video",), diagnoses=diagnoses("ICD-10 I10"))
    note = diagnoses("ICD-10 I10")
    assert Situation(visit_type="video").causes(content) == {Cause.VISIT_TYPE}
    assert Situation(diagnoses=note).causes(content) == {Cause.DIAGNOSIS}
    assert Situation("video", note).causes(content) == {Cause.VISIT_TYPE, Cause.DIAGNOSIS}
    assert Situation("video", note, void=True).causes(content) == set()
    assert Situation(visit_type="").causes(Content(name="x")) == set()


def test_every_fault_is_told_at_its_field() -> None:
    steps = (
        Step(kind=TaskKind.CUSTOM),
        Step(kind=TaskKind.COSIGN),
        Step(kind=TaskKind.CALL, due_in="soon", window="9"),
        Step(kind=TaskKind.CALL, due_in="900m", after=4),
        Step(kind=TaskKind.CALL, repeat="FREQ=DAILY"),
        Step(kind=TaskKind.CALL, repeat="FREQ=WEEKLY;BYDAY=MO;COUNT=3"),
        Step(kind=TaskKind.CALL, repeat="FREQ=MONTHLY;COUNT=90"),
        Step(kind=TaskKind.CALL, repeat="FREQ=DAILY;COUNT=14", after=1),
        Step(kind=TaskKind.QUESTIONNAIRE, questionnaire="bp"),
        Step(kind=TaskKind.QUESTIONNAIRE, questionnaire="gone"),
        Step(kind=TaskKind.QUESTIONNAIRE, questionnaire="bp", facing=Facing.STAFF),
        Step(kind=TaskKind.CALL, questionnaire="bp"),
    )
    found = faults(Content(name="x", visit_types=("gone",), steps=steps), {"video"}, {"bp"})
    assert [(each.field, each.code) for each in found] == [
        ("visit_types", "invalid"),
        ("title_1", "required"),
        ("kind_2", "invalid"),
        ("due_in_3", "delay"),
        ("window_3", "delay"),
        ("due_in_4", "delay"),
        ("after_4", "earlier"),
        ("repeat_5", "repeat"),
        ("repeat_6", "repeat"),
        ("repeat_7", "repeat"),
        ("questionnaire_10", "invalid"),
        ("questionnaire_11", "invalid"),
        ("questionnaire_12", "invalid"),
    ]
    assert [each.field for each in faults(Content(name="x"), (), ())] == ["kind_1"]

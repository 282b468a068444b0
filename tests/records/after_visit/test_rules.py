"""What is for the patient, and how it stands: whatever was signed, amended and retracted, in whatever order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.records.after_visit.rules import (
    Appointment,
    Contents,
    NoteAmended,
    NothingToRelease,
    NotOnOffer,
    Offer,
    Passage,
    Standing,
    Task,
    Wanted,
    WordsNotCosigned,
    chosen,
    digest,
    read,
    standing,
    written,
)
from telehealth.records.notes.amendments import DocumentStatus, Relation, Signed, current, standings
from telehealth.records.notes.markdown import sections

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OFFER = Offer(
    note_version_id=UUID(int=1),
    note_version=2,
    in_force_id=UUID(int=1),
    in_force=2,
    passages=[
        Passage(1, "Findings", "Fine."),
        Passage(1, "Plan", "5 mg\ttwice  a day."),
        Passage(2, "", "Blood test."),
    ],
    appointments=[Appointment(UUID(int=2), NOW)],
    tasks=[Task(UUID(int=3), "lab", "", NOW)],
    language="en",
)
TEXT = st.text(alphabet="ab \n#*-أ🙂", max_size=200)


def test_sections_are_the_words_as_they_were_written() -> None:
    findings = "## Findings\n\n128/82,  *stable*\n- # not a heading of the note"
    note = f"Before.\n\n{findings}\n\n# Plan #\n5 mg\ttwice\n\n### Empty\n"
    assert [(each.title, each.text) for each in sections(note)] == [
        ("", "Before."),
        ("Findings", "128/82,  *stable*\n- # not a heading of the note"),
        ("Plan", "5 mg\ttwice"),
    ]


@given(TEXT)
def test_nothing_but_headings_and_empty_lines_is_left_out_of_the_sections(note: str) -> None:
    kept = [line for section in sections(note) for line in section.text.split("\n") if line.strip()]
    lines = iter(note.split("\n"))
    assert all(line in lines for line in kept)  # all of them, in their order, untouched


@pytest.mark.parametrize(("title", "ticked"), [("Plan", True), ("PLAN:", True), ("Findings", False), ("", False)])
def test_what_is_written_for_patients_is_ticked(title: str, ticked: bool) -> None:
    assert Passage(1, title, "x").for_patients is ticked


def test_what_was_chosen_is_released_as_it_was_signed() -> None:
    wanted = Wanted(note_version=2, sections=(2, 1), tasks=(UUID(int=3),), words="  Rest\u202e.\r\n")
    contents = chosen(OFFER, wanted)
    assert [each.text for each in contents.passages] == ["5 mg\ttwice  a day.", "Blood test."]
    assert (contents.words, contents.appointments, contents.tasks) == ("Rest.", [], OFFER.tasks)
    assert read(written(contents)) == contents


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        (Wanted(note_version=1, sections=(1,)), NoteAmended),
        (Wanted(note_version=2, sections=(3,)), NotOnOffer),
        (Wanted(note_version=2, words="x", appointments=(UUID(int=3),)), NotOnOffer),
        (Wanted(note_version=2, words="x", tasks=(UUID(int=2),)), NotOnOffer),
        (Wanted(note_version=2, words=" \n", tasks=(UUID(int=3),)), NothingToRelease),
    ],
)
def test_nothing_else_is(wanted: Wanted, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        chosen(OFFER, wanted)


def test_nobody_releases_words_of_their_own_that_a_supervisor_would_have_to_read() -> None:
    supervised = replace(OFFER, supervised=True)
    with pytest.raises(WordsNotCosigned):
        chosen(supervised, Wanted(note_version=2, sections=(1,), words="Rest."))
    blank = Wanted(note_version=2, sections=(1,), words=" \u202e\r\n", tasks=(UUID(int=3),))
    assert chosen(supervised, blank) == chosen(OFFER, blank)


def test_the_same_words_have_the_same_digest() -> None:
    contents = chosen(OFFER, Wanted(note_version=2, words="Rest."))
    one = digest(UUID(int=1), contents, "en", "es")
    assert one == digest(UUID(int=1), read(written(contents)), "en", "es")
    others = [(UUID(int=2), contents, "en", "es"), (UUID(int=1), contents, "en", "en")]
    others.append((UUID(int=1), Contents([], "Rest!", [], []), "en", "es"))
    assert one not in {digest(*each) for each in others}


@st.composite
def histories(draw: st.DrawFn) -> list[Signed]:
    """Whatever an author may sign, one after the other."""
    past: list[Signed] = []
    for version in range(1, draw(st.integers(1, 8)) + 1):
        there = current(past)
        relation = draw(st.sampled_from(list(Relation))) if there else None
        target = draw(st.sampled_from(there)) if relation is Relation.RETRACTS else min(there, default=None)
        signed_at = NOW + timedelta(minutes=version)
        past.append(Signed(version=version, signed_at=signed_at, relation=relation, relates_to=target))
    return past


@given(histories())
def test_what_was_released_stands_exactly_while_the_note_is_as_it_was(history: list[Signed]) -> None:
    for at in range(1, len(history) + 1):
        then = current(history[:at])
        if not then:
            continue
        found, now = standing(history, history[at - 1].version), standings(history)
        assert (found is Standing.CURRENT) is (then == current(history))
        wrong = any(now[each].status is DocumentStatus.ENTERED_IN_ERROR for each in then)
        assert (found is Standing.WITHDRAWN) is wrong

"""Nobody waits before they have agreed, answered, said where they are and checked their devices, if asked to."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select, text

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.errors import NotFound, Stale
from telehealth.core.events import Event
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.gates import queries, service
from telehealth.visits.gates.definitions import InvalidQuestionnaire
from telehealth.visits.gates.events import ConsentGiven, IntakeCompleted
from telehealth.visits.gates.filling import Intake, InvalidAnswers, stored
from telehealth.visits.gates.rules import (
    Gate,
    GatesClosed,
    GateState,
    PreparationOver,
    PublishedMeanwhile,
    TextChanged,
)
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.visits.gates.arriving import (
    ANSWERS,
    QUESTIONS,
    TEXTS,
    Arrival,
    arrive,
    ask_consent,
    ask_questions,
    check_devices,
    come_again,
)


@pytest.fixture
async def arrival(unit_of_work: UnitOfWork, clock: FixedClock) -> Arrival:
    return await arrive(unit_of_work, clock)


async def gates_of(unit: Unit, arrival: Arrival) -> dict[Gate, GateState]:
    visit = await visits.find(unit, arrival.visit.id)
    return {each.gate: each.state for each in await queries.standings(unit, visit)}


async def save(unit_of_work: UnitOfWork, arrival: Arrival, given: Any, **more: Any) -> Intake:
    asked = {"revision": 0, "complete": False, "given": given} | more
    return (await unit_of_work.run(service.save_intake, arrival.rosa, arrival.visit.id, **asked))[0]


async def test_where_nothing_is_asked_the_device_check_is_the_only_gate(
    unit_of_work: UnitOfWork, arrival: Arrival
) -> None:
    assert await unit_of_work.run(gates_of, SYSTEM, arrival) == {Gate.DEVICES: GateState.CLOSED}
    await check_devices(unit_of_work, arrival)
    ready = await unit_of_work.run(service.make_ready, arrival.rosa, arrival.visit.id)
    assert ready.status is VisitStatus.READY


async def test_what_is_closed_is_named_until_it_is_done(
    unit_of_work: UnitOfWork, arrival: Arrival, nudged: Sequence[Event]
) -> None:
    text_id = await unit_of_work.run(ask_consent)
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    visit_id = arrival.visit.id
    with pytest.raises(GatesClosed) as refused:
        await unit_of_work.run(service.make_ready, arrival.rosa, visit_id)
    assert refused.value.extras["gates"] == [Gate.CONSENT, Gate.INTAKE, Gate.DEVICES]
    await check_devices(unit_of_work, arrival)
    await unit_of_work.run(service.agree, arrival.rosa, visit_id, text_id=text_id, language="es")
    with pytest.raises(GatesClosed) as refused:
        await unit_of_work.run(service.make_ready, arrival.rosa, visit_id)
    assert refused.value.extras["gates"] == [Gate.INTAKE]
    await save(unit_of_work, arrival, ANSWERS, complete=True)
    ready = await unit_of_work.run(service.make_ready, arrival.rosa, visit_id)
    assert ready.status is VisitStatus.READY
    told = [type(each) for each in nudged]
    assert told.count(ConsentGiven) == told.count(IntakeCompleted) == 1


# Consent


async def test_agreeing_twice_is_agreeing_once(unit_of_work: UnitOfWork, arrival: Arrival, clock: FixedClock) -> None:
    text_id = await unit_of_work.run(ask_consent)
    first = clock.now()
    for _ in range(2):
        await unit_of_work.run(service.agree, arrival.rosa, arrival.visit.id, text_id=text_id, language="ar")
        clock.advance(timedelta(seconds=1))

    async def agreed(unit: Unit) -> tuple[Any, ...]:
        found = await unit.session.execute(text("SELECT language, agreed_at, participant_id FROM consent"))
        return tuple(found.one())

    assert await unit_of_work.run(agreed) == ("en", first, arrival.rosa.id)


async def test_a_new_version_is_asked_for_again(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    former = await unit_of_work.run(ask_consent)
    await unit_of_work.run(service.agree, arrival.rosa, arrival.visit.id, text_id=former, language="en")
    latter = await unit_of_work.run(ask_consent)
    assert (await unit_of_work.run(gates_of, SYSTEM, arrival))[Gate.CONSENT] is GateState.CLOSED
    with pytest.raises(TextChanged):
        await unit_of_work.run(service.agree, arrival.rosa, arrival.visit.id, text_id=former, language="en")
    await unit_of_work.run(service.agree, arrival.rosa, arrival.visit.id, text_id=latter, language="en")
    assert (await unit_of_work.run(gates_of, SYSTEM, arrival))[Gate.CONSENT] is GateState.OPEN
    versions = await unit_of_work.run(queries.consent_texts)
    assert sorted((each.version, each.retired_at is None) for each in versions) == [(1, False), (2, True)]


async def test_a_retired_text_is_asked_for_no_more(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    text_id = await unit_of_work.run(ask_consent)
    await unit_of_work.run(service.retire_text, SYSTEM, text_id)
    assert Gate.CONSENT not in await unit_of_work.run(gates_of, SYSTEM, arrival)
    with pytest.raises(NotFound):
        await unit_of_work.run(service.retire_text, SYSTEM, text_id)


async def test_the_text_is_that_of_the_place_where_the_patient_is(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(ask_consent)
    texts = {"en": "As the law of California asks."}
    there = await unit_of_work.run(ask_consent, SYSTEM, jurisdiction="US-CA", texts=texts)
    for place, expected in (("US-CA", texts), ("US-NV", TEXTS)):
        visit = await unit_of_work.run(lifecycle.attest_location, arrival.rosa, arrival.visit.id, place)
        found = await unit_of_work.run(queries.text_for, SYSTEM, visit)
        assert found is not None
        assert (found.texts, found.id == there) == (expected, place == "US-CA")


# Intake


async def test_answers_are_saved_while_they_are_given(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    first = await save(unit_of_work, arrival, {"weight": "70,5", "day": "some", "gone": "x"})
    assert (first.revision, first.completed_at, stored(first.answers)) == (1, None, {"weight": "70.5"})
    assert (await unit_of_work.run(gates_of, SYSTEM, arrival))[Gate.INTAKE] is GateState.CLOSED
    second = await save(unit_of_work, arrival, {"smokes": False, "day": 3}, revision=1)
    assert stored(second.answers) == {"smokes": False, "day": 3}, "what does not apply now may apply again"
    done = await save(unit_of_work, arrival, {"smokes": False, "day": 3}, revision=2, complete=True)
    assert stored(done.answers) == {"smokes": False}, "what does not apply is not told"
    assert (await unit_of_work.run(gates_of, SYSTEM, arrival))[Gate.INTAKE] is GateState.OPEN


async def test_nobody_overwrites_answers_they_have_not_seen(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    await save(unit_of_work, arrival, {"smokes": False})
    for revision in (0, 2):
        with pytest.raises(Stale):
            await save(unit_of_work, arrival, {"smokes": True}, revision=revision)
    kept = await unit_of_work.run(queries.open_intake, arrival.rosa, arrival.visit.id)
    assert stored(kept.answers) == {"smokes": False}


@pytest.mark.parametrize(
    "typed",
    [{"smokes": "true", "day": "\u0662\u0660", "weight": "70,50"}, {"smokes": "false", "day": "20"}],
    ids=["as-it-is-typed", "what-does-not-apply"],
)
async def test_what_was_saved_and_nobody_heard_of_may_be_sent_again(
    unit_of_work: UnitOfWork, arrival: Arrival, typed: dict[str, str]
) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    with pytest.raises(Stale):
        await save(unit_of_work, arrival, {}, revision=1)  # nothing has been saved
    for complete in (False, False, True, True):
        await save(unit_of_work, arrival, typed, complete=complete)
    for other in ({}, {**typed, "weight": "71"}):
        with pytest.raises(Stale):
            await save(unit_of_work, arrival, other, complete=True)


async def test_an_intake_is_complete_with_every_required_answer_that_applies(
    unit_of_work: UnitOfWork, arrival: Arrival
) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    for given, wrong in (
        ({}, [("smokes", "required")]),
        ({"smokes": True}, [("day", "required")]),
        ({"smokes": True, "day": "many"}, [("day", "invalid")]),
    ):
        with pytest.raises(InvalidAnswers) as refused:
            await save(unit_of_work, arrival, given, complete=True)
        answers: Any = refused.value.extras["answers"]
        assert [(each["link_id"], each["problem"]) for each in answers] == wrong


async def test_a_completed_intake_is_changed_only_as_a_whole(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    await save(unit_of_work, arrival, ANSWERS, complete=True)
    with pytest.raises(InvalidAnswers):
        await save(unit_of_work, arrival, {"smokes": True}, revision=1)
    again = await save(unit_of_work, arrival, {"smokes": False}, revision=1)
    assert again.completed_at is not None
    assert (await unit_of_work.run(gates_of, SYSTEM, arrival))[Gate.INTAKE] is GateState.OPEN


async def test_the_next_visit_begins_with_the_last_answers(
    unit_of_work: UnitOfWork, arrival: Arrival, clock: FixedClock
) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    first = await unit_of_work.run(queries.open_intake, arrival.rosa, arrival.visit.id)
    assert (first.prefilled, stored(first.answers)) == (False, {})
    await save(unit_of_work, arrival, ANSWERS, complete=True)
    changed: Any = {**QUESTIONS, "item": [QUESTIONS["item"][0], QUESTIONS["item"][2] | {"type": "string"}]}
    later = await come_again(unit_of_work, clock, arrival)
    await unit_of_work.run(ask_questions, SYSTEM, arrival, changed)
    begun = await unit_of_work.run(queries.open_intake, later.rosa, later.visit.id)
    assert (begun.prefilled, begun.revision, begun.published.version) == (True, 0, 2)
    assert stored(begun.answers) == {"smokes": True, "weight": "70.5"}
    assert (await unit_of_work.run(gates_of, SYSTEM, later))[Gate.INTAKE] is GateState.CLOSED, "nobody has looked yet"


async def test_who_has_answered_is_not_asked_again_when_the_questions_change(
    unit_of_work: UnitOfWork, arrival: Arrival
) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    await save(unit_of_work, arrival, ANSWERS, complete=True)
    other: Any = {**QUESTIONS, "item": [{"linkId": "new", "type": "string", "text": "New?", "required": True}]}
    await unit_of_work.run(ask_questions, SYSTEM, arrival, other)
    assert (await unit_of_work.run(gates_of, SYSTEM, arrival))[Gate.INTAKE] is GateState.OPEN
    shown = await unit_of_work.run(queries.open_intake, arrival.rosa, arrival.visit.id)
    assert (shown.published.version, stored(shown.answers)) == (1, ANSWERS)


async def test_retired_questions_are_asked_no_more(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    await unit_of_work.run(service.retire_questionnaire, SYSTEM, arrival.clinic.visit_type.id)
    assert Gate.INTAKE not in await unit_of_work.run(gates_of, SYSTEM, arrival)
    with pytest.raises(NotFound):
        await unit_of_work.run(queries.open_intake, arrival.rosa, arrival.visit.id)


async def test_questions_that_would_not_be_honoured_replace_none(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    with pytest.raises(InvalidQuestionnaire):
        await unit_of_work.run(ask_questions, SYSTEM, arrival, {**QUESTIONS, "contained": []})
    assert (await unit_of_work.run(queries.questionnaire, SYSTEM, arrival.clinic.visit_type.id)).version == 1


async def test_of_two_who_publish_at_once_none_is_lost_unseen(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    """One after the other, or the later is told. Never two in force."""
    for publish in (partial(ask_consent), partial(ask_questions, arrival=arrival)):
        for _ in range(5):
            both = await asyncio.gather(*[unit_of_work.run(publish) for _ in range(2)], return_exceptions=True)
            refused = [each for each in both if isinstance(each, BaseException)]
            assert all(isinstance(each, PublishedMeanwhile) for each in refused), refused
            assert len(refused) < 2

    async def in_force(unit: Unit) -> tuple[int, ...]:
        tables = ("consent_text", "questionnaire")
        counts = [f"SELECT count(*) FROM {table} WHERE retired_at IS NULL" for table in tables]  # noqa: S608
        return tuple([(await unit.session.execute(text(each))).scalar_one() for each in counts])

    assert await unit_of_work.run(in_force) == (1, 1)


# Whose it is


async def test_answers_are_the_patients_to_give_and_the_clinicians_to_read(
    unit_of_work: UnitOfWork, arrival: Arrival, clock: FixedClock
) -> None:
    text_id = await unit_of_work.run(ask_consent)
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    clinician, visit_id = arrival.clinic.clinician_actor, arrival.visit.id
    other = await come_again(unit_of_work, clock, arrival)
    strangers: tuple[tuple[Actor, str], ...] = ((clinician, "staff"), (other.rosa, "the guest of another visit"))
    for actor, who in strangers:
        with pytest.raises(NotFound):
            await unit_of_work.run(service.agree, actor, visit_id, text_id=text_id, language="en")
        with pytest.raises(NotFound):
            await unit_of_work.run(service.save_intake, actor, visit_id, revision=0, given={}, complete=False)
        assert who
    await save(unit_of_work, arrival, ANSWERS, complete=True)

    async def read(unit: Unit) -> Intake | None:
        return await queries.completed(unit, await visits.find(unit, visit_id))

    found = await unit_of_work.run(read, clinician)
    assert found is not None
    assert stored(found.answers) == ANSWERS
    with pytest.raises(NotFound):
        await unit_of_work.run(read, replace(clinician, person_id=arrival.clinic.patient.id))


async def test_answers_are_sealed_and_reading_them_leaves_a_trace(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    spoken: Any = {**QUESTIONS, "item": [{"linkId": "why", "type": "text", "text": "What is it about?"}]}
    await unit_of_work.run(ask_questions, SYSTEM, arrival, spoken)
    await save(unit_of_work, arrival, {"why": "a rash"}, complete=True)

    async def kept(unit: Unit) -> tuple[bytes, int]:
        sealed = (await unit.session.execute(text("SELECT answers FROM questionnaire_response"))).scalar_one()
        traced = select(func.count()).where(AuditRow.entity == "questionnaire_response", AuditRow.action == "read")
        return bytes(sealed), (await unit.session.execute(traced)).scalar_one()

    sealed, before = await unit_of_work.run(kept)
    assert b"rash" not in sealed
    await unit_of_work.run(queries.open_intake, arrival.rosa, arrival.visit.id)
    assert (await unit_of_work.run(kept))[1] == before + 1


async def test_a_draft_is_nobodys_but_the_patients(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    await save(unit_of_work, arrival, {"smokes": True})

    async def read(unit: Unit) -> Intake | None:
        return await queries.completed(unit, await visits.find(unit, arrival.visit.id))

    assert await unit_of_work.run(read, arrival.clinic.clinician_actor) is None


async def test_once_the_visit_has_begun_nothing_is_prepared_any_more(
    unit_of_work: UnitOfWork, arrival: Arrival
) -> None:
    await check_devices(unit_of_work, arrival)
    visit_id, clinician = arrival.visit.id, arrival.clinic.clinician_actor
    await unit_of_work.run(service.make_ready, arrival.rosa, visit_id)
    text_id = await unit_of_work.run(ask_consent)
    await unit_of_work.run(ask_questions, SYSTEM, arrival)
    await unit_of_work.run(lifecycle.admit, clinician, visit_id)
    await unit_of_work.run(lifecycle.connected, clinician, visit_id)
    with pytest.raises(PreparationOver):
        await unit_of_work.run(service.agree, arrival.rosa, visit_id, text_id=text_id, language="en")
    with pytest.raises(PreparationOver):
        await save(unit_of_work, arrival, {})

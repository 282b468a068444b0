"""Asking and answering, over real tables: once, in time, with the task done and whoever is needed asked in one go."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.errors import NotFound, Refusal, Stale
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import keeping
from telehealth.followups import service as tasks_of
from telehealth.followups.parts import Facing, Pool, TaskClosed, TaskKind, TaskStatus, UnfitTask, Wish
from telehealth.followups.tasks import fire_due
from telehealth.monitoring import queries, service
from telehealth.monitoring.events import QuestionsAsked
from telehealth.monitoring.library import QuestionnaireLibrary
from telehealth.monitoring.rules import AlreadyAnswered, AnsweringOver, Comparison, UnfitThresholds
from telehealth.visits.gates import service as gates
from telehealth.visits.gates.filling import InvalidAnswers
from tests.followups.working import work_of
from tests.kit.clinic import book, guest_of
from tests.monitoring.pressure import CODE, CONTENT, DAILY, HIGH, HIGH_ANSWERS, WELL, Ward, open_ward

LIBRARY = QuestionnaireLibrary()


@pytest.fixture
async def ward(unit_of_work: UnitOfWork, clock: FixedClock) -> Ward:
    return await open_ward(unit_of_work, clock)


async def count(unit_of_work: UnitOfWork, table: str) -> int:
    async def read(unit: Unit) -> int:
        return int(await unit.session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608 -- our own words

    return await unit_of_work.run(read)


async def test_an_answer_completes_the_task_and_asks_for_who_is_needed(ward: Ward) -> None:
    first, *_ = await ward.plan()
    request = await ward.asked(first)
    await ward.answer(request, HIGH_ANSWERS)
    done = await ward.task(first.id)
    assert (done.status, done.closed_at) == (TaskStatus.DONE, ward.clock.now())
    history = await ward.unit_of_work.run(tasks_of.history, SYSTEM, first.id)
    assert (history[-1].note, history[-1].role) == ("answered", Role.PATIENT)
    response = (await ward.unit_of_work.run(queries.responses, SYSTEM, [request.id]))[request.id]
    assert response.answers == {"systolic": 192, "diastolic": 110, "dizzy": True}
    made = {each.kind: each for each in await ward.tasks() if each.origin == "answer"}
    call, rebook = made[TaskKind.CALL], made[TaskKind.REBOOK]
    assert (call.owner.pool, call.owner.person_id, call.priority, call.due_at) == (
        Pool.CLINICIANS,
        None,
        "urgent",
        ward.clock.now(),
    )
    assert call.title.endswith("Upper value (mmHg) 192")
    assert (rebook.owner.pool, rebook.title) == (Pool.DESK, "Offer a visit")
    assert {each.source.partition("/")[0] for each in made.values()} == {str(response.id)}


async def test_what_is_well_asks_for_nobody(ward: Ward) -> None:
    first, *_ = await ward.plan()
    await ward.answer(await ward.asked(first), WELL)
    assert [each for each in await ward.tasks() if each.origin] == []


async def test_answers_are_sealed_and_each_use_is_traced(ward: Ward) -> None:
    first, *_ = await ward.plan()
    request = await ward.asked(first)
    await ward.answer(request, WELL)
    await ward.unit_of_work.run(queries.series, ward.clinic.clinician_actor, ward.booked.visit.id)

    async def look(unit: Unit) -> tuple[bytes, Sequence[tuple[str, str]]]:
        kept = await unit.session.scalar(text("SELECT answers FROM monitoring_response"))
        traced = "SELECT action, role FROM audit_event WHERE entity = 'questionnaire_response' ORDER BY at, action"
        return bytes(kept), [tuple(each) for each in await unit.session.execute(text(traced))]

    kept, traces = await ward.unit_of_work.run(look)
    assert b"systolic" not in kept
    assert sorted(traces) == [("create", "patient"), ("read", "clinician")]


async def test_the_patient_is_asked_once_for_a_task(ward: Ward, nudged: list[object]) -> None:
    first, second, _ = await ward.plan()
    await ward.asked(first)
    await asyncio.gather(*(ward.unit_of_work.run(service.ask, SYSTEM, first.id) for _ in range(5)))
    assert len([each for each in nudged if isinstance(each, QuestionsAsked)]) == 1
    await ward.unit_of_work.run(tasks_of.cancel, ward.clinic.clinician_actor, second.id)
    await ward.unit_of_work.run(service.ask, SYSTEM, second.id)
    assert await ward.unit_of_work.run(queries.request_for, SYSTEM, second.id) is None


async def test_the_same_answers_again_are_no_fault_and_others_are_refused(ward: Ward) -> None:
    first, *_ = await ward.plan()
    request = await ward.asked(first)
    outcomes = await asyncio.gather(
        *(ward.answer(request, HIGH_ANSWERS) for _ in range(4)),
        *(ward.answer(request, WELL) for _ in range(4)),
        return_exceptions=True,
    )
    assert Counter(type(each) for each in outcomes) == {type(None): 4, AlreadyAnswered: 4}
    assert await count(ward.unit_of_work, "monitoring_response") == 1
    assert len([each for each in await ward.tasks() if each.origin]) in (0, 2)


async def test_until_the_window_closes_and_not_after(ward: Ward) -> None:
    first, second, _ = await ward.plan()
    assert first.ends_at == second.due_at  # before the next one is asked
    request = await ward.asked(first)
    ward.clock.advance(first.ends_at - timedelta(microseconds=1) - ward.clock.now())
    await ward.answer(request, WELL)
    other = await ward.asked(second)
    ward.clock.advance(second.ends_at - ward.clock.now())
    with pytest.raises(AnsweringOver) as late:
        await ward.answer(other, WELL)
    assert late.value.extras == {"standing": "late"}
    assert await count(ward.unit_of_work, "monitoring_response") == 1


async def test_answered_at_the_moment_the_window_closes(ward: Ward) -> None:
    first, *_ = await ward.plan()
    request = await ward.asked(first)
    for _ in range(2):
        await fire_due(work_of(ward.unit_of_work))
        ward.clock.advance((first.ends_at - first.due_at) / 2)
    assert ward.clock.now() == first.ends_at
    outcomes = await asyncio.gather(
        ward.answer(request, WELL), fire_due(work_of(ward.unit_of_work)), return_exceptions=True
    )
    assert isinstance(outcomes[0], AnsweringOver)
    assert (await ward.task(first.id)).status is TaskStatus.ESCALATED


async def test_answered_at_the_moment_staff_call_it_off(ward: Ward) -> None:
    tasks = await ward.plan(
        Wish(kind=TaskKind.QUESTIONNAIRE, questionnaire=CODE, due_in="1d", repeat="FREQ=DAILY;COUNT=6")
    )
    for task in tasks:
        request = await ward.asked(task)
        ours = ward.unit_of_work.run(tasks_of.cancel, ward.clinic.clinician_actor, task.id)
        answered, cancelled = await asyncio.gather(ward.answer(request, WELL), ours, return_exceptions=True)
        kept = bool(await ward.unit_of_work.run(queries.answered, SYSTEM, [request.id]))
        became = (await ward.task(task.id)).status
        if kept:
            assert (answered, type(cancelled), became) == (None, TaskClosed, TaskStatus.DONE)
        else:
            assert (type(answered), became) == (AnsweringOver, TaskStatus.CANCELLED)
            assert isinstance(answered, Refusal)
            assert answered.extras == {"standing": "settled"}


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"systolic": "128"}, [("diastolic", "required")]),
        ({"systolic": "12", "diastolic": "82"}, [("systolic", "range")]),
        ({"systolic": "high", "diastolic": "82", "pulse": "1"}, [("pulse", "unknown"), ("systolic", "invalid")]),
    ],
)
async def test_what_cannot_be_read_is_said_and_nothing_is_kept(
    ward: Ward, typed: dict[str, str], wrong: list[tuple[str, str]]
) -> None:
    first, *_ = await ward.plan()
    request = await ward.asked(first)
    with pytest.raises(InvalidAnswers) as refused:
        await ward.answer(request, typed)
    listed: object = refused.value.extras["answers"]
    assert isinstance(listed, list)
    said = [(each["link_id"], str(each["problem"])) for each in listed]
    assert [each for each in said if each in wrong] == sorted(wrong, key=said.index)
    assert await count(ward.unit_of_work, "monitoring_response") == 0
    assert (await ward.task(first.id)).status is TaskStatus.PLANNED


async def test_only_who_came_by_the_link_of_that_visit_answers(ward: Ward) -> None:
    first, *_ = await ward.plan()
    request = await ward.asked(first)

    async def another(unit: Unit) -> object:
        return await book(unit, ward.clinic, ward.booked.visit.starts_at + timedelta(days=7))

    other = await guest_of(ward.unit_of_work, await ward.unit_of_work.run(another))  # type: ignore[arg-type]
    for stranger in (other, ward.clinic.clinician_actor, ward.clinic.front_desk):
        with pytest.raises(NotFound):
            await ward.unit_of_work.run(service.answer, stranger, request.id, WELL)


async def test_a_rise_is_held_against_the_answer_before_it(ward: Ward) -> None:
    rise = replace(HIGH, comparison=Comparison.RISES_BY, value=20, words="It rises")
    await ward.unit_of_work.run(service.publish, SYSTEM, CODE, replace(CONTENT, thresholds=(rise,)), version=1)
    for task, systolic, risen in zip(await ward.plan(), ("128", "148", "167"), (0, 1, 1), strict=True):
        await ward.answer(await ward.asked(task), {**WELL, "systolic": systolic})
        assert len([each for each in await ward.tasks() if each.origin]) == risen


# What is planned


async def test_in_one_stroke_where_the_second_word_is_a_code(ward: Ward) -> None:
    async def stroke(written: str) -> list[str]:
        mine = ward.clinic.clinician_actor, ward.booked.visit.id
        return [each.questionnaire for each in await ward.unit_of_work.run(tasks_of.stroke, *mine, written, LIBRARY)]

    assert await stroke("questionnaire blood-pressure +1d x14") == [CODE] * 14
    assert await stroke("Cuestionario Blood-Pressure +1d") == [CODE]
    assert await stroke("questionnaire about your sleep +1d") == [""]
    assert await stroke("blood-pressure +1d") == [""]


@pytest.mark.parametrize(
    "wish",
    [
        Wish(kind=TaskKind.QUESTIONNAIRE, questionnaire="gone", due_in="1d"),
        Wish(kind=TaskKind.CALL, questionnaire=CODE, due_in="1d"),
        Wish(kind=TaskKind.QUESTIONNAIRE, questionnaire=CODE, facing=Facing.STAFF, due_in="1d"),
    ],
)
async def test_what_cannot_be_asked_is_not_planned(ward: Ward, wish: Wish) -> None:
    with pytest.raises(UnfitTask):
        await ward.unit_of_work.run(tasks_of.order, ward.clinic.clinician_actor, ward.booked.visit.id, wish, LIBRARY)


async def test_answers_before_a_visit_complete_no_task_that_names_questions(ward: Ward) -> None:
    first, *_ = await ward.plan()
    ward.clock.advance(timedelta(hours=1))

    async def intake(unit: Unit) -> None:
        visit = ward.booked.visit
        await gates.publish_questionnaire(unit, visit.visit_type_id, dict(CONTENT.resource))

    await ward.unit_of_work.run(intake, SYSTEM)
    await ward.unit_of_work.run(
        gates.save_intake, ward.phone, ward.booked.visit.id, revision=0, given=WELL, complete=True
    )
    await ward.unit_of_work.run(keeping.recheck_of, SYSTEM, ward.clinic.patient.id, TaskKind.QUESTIONNAIRE)
    assert (await ward.task(first.id)).status is TaskStatus.PLANNED


async def test_the_patient_says_that_a_plain_task_is_done(ward: Ward) -> None:
    (walk,) = await ward.plan(Wish(title="Walk half an hour", facing=Facing.PATIENT, due_in="1d"))
    (call,) = await ward.plan(Wish(kind=TaskKind.CALL, due_in="1d"))
    first, *_ = await ward.plan()
    assert (await ward.unit_of_work.run(tasks_of.done, ward.phone, walk.id)).status is TaskStatus.DONE
    with pytest.raises(NotFound):
        await ward.unit_of_work.run(tasks_of.done, ward.phone, call.id)
    with pytest.raises(UnfitTask):
        await ward.unit_of_work.run(tasks_of.done, ward.phone, first.id)
    for command in (tasks_of.cancel, tasks_of.reopen, tasks_of.claim):
        with pytest.raises(Refusal):
            await ward.unit_of_work.run(command, ward.phone, walk.id)


# What may be asked


async def test_of_two_who_publish_the_second_hears_of_the_first(ward: Ward) -> None:
    run = ward.unit_of_work.run
    outcomes = await asyncio.gather(
        *(run(service.publish, SYSTEM, CODE, CONTENT, version=1) for _ in range(4)), return_exceptions=True
    )
    assert Counter(type(each).__name__ for each in outcomes) == {"Form": 1, "Stale": 3}
    with pytest.raises(UnfitThresholds):
        await run(service.publish, SYSTEM, "Not one", CONTENT, version=0)
    with pytest.raises(Stale):
        await run(service.retire, SYSTEM, CODE, version=1)


async def test_what_is_retired_is_still_asked_where_it_was_planned(ward: Ward) -> None:
    first, *_ = await ward.plan()
    await ward.unit_of_work.run(service.retire, SYSTEM, CODE, version=1)
    assert await ward.unit_of_work.run(queries.codes, SYSTEM) == frozenset()
    await ward.answer(await ward.asked(first), WELL)
    with pytest.raises(UnfitTask):
        await ward.unit_of_work.run(tasks_of.order, ward.clinic.clinician_actor, ward.booked.visit.id, DAILY, LIBRARY)


async def test_the_series_shows_what_was_answered_and_what_was_missed(ward: Ward) -> None:
    first, second, _third = await ward.plan()
    await ward.answer(await ward.asked(first), WELL)
    await ward.asked(second)
    ward.clock.advance(second.ends_at - ward.clock.now())
    mine = ward.clinic.clinician_actor, ward.booked.visit.id
    (series,), patient_id = await ward.unit_of_work.run(queries.series, *mine)
    assert patient_id == ward.clinic.patient.id
    assert [(each.response is not None, each.missed) for each in series.entries] == [
        (True, False),
        (False, True),
        (False, False),
    ]
    assert [each.link_id for each in series.columns] == ["systolic", "diastolic", "dizzy"]

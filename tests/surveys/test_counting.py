"""Answers as numbers without persons: what is shown, what is not yet, and what two looks never tell."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import Stale
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.monitoring import queries as monitoring
from telehealth.monitoring import service as questions
from telehealth.monitoring.rules import AlreadyAnswered, AnsweringOver, Comparison, Content, Threshold
from telehealth.surveys import queries, service, tasks
from telehealth.surveys.parts import CODE, built_in
from telehealth.surveys.rules import ANSWERABLE, Group, UnfitSurvey
from telehealth.tasks.relay import Relay
from telehealth.tasks.work import Work
from telehealth.visits.gates.filling import InvalidAnswers
from telehealth.visits.lifecycle.rules import Visit
from tests.kit.clinic import TUESDAY_NINE, Clinic, open_clinic
from tests.surveys.asking import WELL, answer, becomes, switch_on, visited


class Round:
    """A clinic that asks. Each visit is of another patient."""

    def __init__(self, unit_of_work: UnitOfWork, clock: FixedClock, clinic: Clinic) -> None:
        self.unit_of_work, self.clock, self.clinic, self._next = unit_of_work, clock, clinic, TUESDAY_NINE

    async def visit(self) -> Visit:
        booked = await self.unit_of_work.run(visited, SYSTEM, self.clinic, self._next, f"Pat {self._next:%H%M}")
        self._next += timedelta(minutes=20)
        return booked.visit

    async def hear(self) -> None:
        await Relay(tasks.SUBSCRIPTIONS).sweep(Work(self.unit_of_work, Ports({}), self.clock))

    async def asked(self) -> Visit:
        visit = await self.visit()
        await self.hear()
        await self.unit_of_work.run(_sent, SYSTEM, visit)
        return visit

    async def groups(self) -> list[Group]:
        found = await self.unit_of_work.run(queries.results, SYSTEM)
        return list(found[0].groups) if found else []

    async def count(self, words: str) -> int:
        async def read(unit: Unit) -> int:
            return int(await unit.session.scalar(text(f"SELECT count(*) FROM {words}")) or 0)  # noqa: S608 -- our own

        return await self.unit_of_work.run(read, SYSTEM)


async def _sent(unit: Unit, visit: Visit) -> None:
    request = await unit.session.scalar(text("SELECT request_id FROM survey WHERE visit_id = :id"), {"id": visit.id})
    await service.note_sent(unit, request)


@pytest.fixture
async def survey(unit_of_work: UnitOfWork, clock: FixedClock) -> Round:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    await unit_of_work.run(switch_on, SYSTEM)
    return Round(unit_of_work, clock, clinic)


async def test_nothing_is_shown_of_fewer_than_five_and_averages_move_in_fives(survey: Round) -> None:
    shown = []
    for number in range(1, 12):
        visit = await survey.asked()
        await answer(survey.unit_of_work, visit, WELL | {"overall": str(number % 11)})
        await survey.hear()
        (group,) = await survey.groups()
        assert (group.asked, group.visit_type, group.month.isoformat()) == (number, "Video visit", "2026-03-01")
        assert group.answered == (None if number < 5 else number)
        shown.append({item: (each.answers, each.average) for item, each in group.scores.items()})
    assert shown[:4] == [{}] * 4
    assert shown[4] == {"overall": (5, Decimal(3)), "clear": (5, Decimal(1))}
    assert shown[4:9] == [shown[4]] * 5
    assert shown[9:] == [{"overall": (10, Decimal("5.5")), "clear": (10, Decimal(1))}] * 2


async def test_answers_that_come_at_once_all_count_and_each_once(survey: Round) -> None:
    visits = [await survey.asked() for _ in range(5)]
    await asyncio.gather(*(answer(survey.unit_of_work, each) for each in visits))
    await asyncio.gather(*(survey.hear() for _ in range(3)))
    (group,) = await survey.groups()
    assert (group.answered, group.scores["overall"].answers) == (5, 5)
    request = await answer(survey.unit_of_work, visits[0])  # the same again
    await survey.unit_of_work.run(service.count, SYSTEM, request)
    assert await survey.count("survey_tally WHERE answers = 5") == 2


async def test_what_patients_skip_counts_nowhere(survey: Round) -> None:
    for _ in range(5):
        await answer(survey.unit_of_work, await survey.asked(), {"overall": "0"})
    await survey.hear()
    (group,) = await survey.groups()
    assert {item: each.average for item, each in group.scores.items()} == {"overall": 0}


async def test_an_answer_is_sealed_once_and_no_task_comes_of_it(survey: Round) -> None:
    visit = await survey.asked()
    with pytest.raises(InvalidAnswers):
        await answer(survey.unit_of_work, visit, WELL | {"overall": "11"})
    outcomes = await asyncio.gather(
        *(answer(survey.unit_of_work, visit) for _ in range(3)),
        *(answer(survey.unit_of_work, visit, {"overall": "1"}) for _ in range(3)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, AlreadyAnswered) for each in outcomes) == 3
    assert await survey.count("monitoring_response") == 1
    assert await survey.count("monitoring_response WHERE position('CANARY'::bytea in answers) > 0") == 0
    assert await survey.count("follow_up_task") == 0


async def test_a_threshold_asks_for_somebody(survey: Round) -> None:
    bad = Threshold(item="overall", comparison=Comparison.AT_MOST, value=2, words="Call and listen")
    content = Content(resource=built_in(), thresholds=(bad,))
    await survey.unit_of_work.run(questions.publish, SYSTEM, CODE, content, version=1)
    await answer(survey.unit_of_work, await survey.asked(), {"overall": "2"})
    assert await survey.count("follow_up_task WHERE origin LIKE 'answer%'") == 1


async def test_words_are_read_with_the_visit_and_each_reading_is_traced(survey: Round) -> None:
    visit = await survey.asked()
    await answer(survey.unit_of_work, visit)
    ada = survey.clinic.clinician_actor
    (series,), _ = await survey.unit_of_work.run(monitoring.series, ada, visit.id)
    (entry,) = series.entries
    assert entry.response is not None
    assert (entry.task_id, entry.missed, entry.response.answers["comment"]) == (None, False, WELL["comment"])
    assert await survey.count("audit_event WHERE entity = 'questionnaire_response' AND role = 'clinician'") == 1


@pytest.mark.parametrize("how", ["late", "error"])
async def test_too_late_and_of_a_visit_that_never_was(survey: Round, how: str) -> None:
    visit = await survey.asked()
    if how == "late":
        survey.clock.advance(ANSWERABLE + timedelta(days=2))
    else:
        await survey.unit_of_work.run(becomes, SYSTEM, visit, "entered_in_error")
    with pytest.raises(AnsweringOver) as refused:
        await answer(survey.unit_of_work, visit)
    assert refused.value.extras == {"standing": "late" if how == "late" else "settled"}


async def test_two_visits_that_are_complete_at_once_are_one_survey(survey: Round) -> None:
    first = await survey.unit_of_work.run(visited, SYSTEM, survey.clinic, TUESDAY_NINE)
    second = await survey.unit_of_work.run(visited, SYSTEM, survey.clinic, TUESDAY_NINE + timedelta(hours=1))
    both = (first.visit.id, second.visit.id)
    await asyncio.gather(*(survey.unit_of_work.run(service.plan, SYSTEM, each) for each in both * 2))
    assert await survey.count("survey") == 1


async def test_choosing(survey: Round) -> None:
    run = survey.unit_of_work.run
    with pytest.raises(UnfitSurvey):
        await run(service.choose, SYSTEM, "made-up", 0, version=1)
    outcomes = await asyncio.gather(
        *(run(service.choose, SYSTEM, each, 0, version=1) for each in (None, CODE)), return_exceptions=True
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Choice", "Stale"]
    with pytest.raises(Stale):
        await run(service.choose, SYSTEM, None, 0, version=1)
    await run(service.choose, SYSTEM, CODE, 0, version=2)
    await run(questions.retire, SYSTEM, CODE, version=1)
    await survey.visit()
    await survey.hear()
    assert await survey.count("survey") == 0  # nobody is asked what is not in force
    again = await run(service.choose, SYSTEM, CODE, 0, version=3)
    assert (again.questionnaire, (await run(monitoring.form, SYSTEM, CODE)).version) == (CODE, 2)

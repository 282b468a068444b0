"""Reading surveys: what the clinic has chosen, whether one is still to be told, and the numbers. No answer is read."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, or_, select

from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.monitoring import queries as monitoring
from telehealth.scheduling.booking import queries as booking
from telehealth.surveys.models import SurveyChoiceRow, SurveyRow, SurveyTallyRow
from telehealth.surveys.rules import GOES_OUT_IN, ONCE_IN, SHOWN, Choice, Group, Results, Score, enough
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import VisitStatus

Key = tuple[date, UUID]  # a month, a kind of visit


async def choice(unit: Unit) -> Choice:
    """What holds now; nobody is asked unless an administrator has chosen so."""
    row = await unit.session.scalar(select(SurveyChoiceRow).order_by(SurveyChoiceRow.version.desc()).limit(1))
    if row is None:
        return Choice()
    return Choice(
        version=row.version,
        questionnaire=row.questionnaire,
        minutes=row.minutes,
        set_at=row.set_at,
        set_by=row.set_by,
    )


async def is_wanted(unit: Unit, request_id: UUID) -> bool:
    """Whether the patient is still to be asked: surveys are on, and the visit took place."""
    visit_id = await unit.session.scalar(select(SurveyRow.visit_id).where(SurveyRow.request_id == request_id))
    if visit_id is None or (await choice(unit)).questionnaire is None:
        return False
    return (await visits.statuses(unit, {visit_id})).get(visit_id) is VisitStatus.COMPLETED


async def asked_lately(unit: Unit, patient_id: PatientId) -> list[datetime]:
    """When a patient was asked in the last while, or is to be. What was to be sent and was not keeps nobody from being
    asked.
    """
    row, asked = SurveyRow, or_(SurveyRow.sent_at.is_not(None), SurveyRow.answered_at.is_not(None))
    which = or_(asked, row.due_at > unit.now - GOES_OUT_IN)
    query = select(row).where(row.patient_id == patient_id, row.due_at > unit.now - ONCE_IN, which)
    rows = (await unit.session.scalars(query)).all()
    stands = await visits.statuses(unit, {each.visit_id for each in rows})
    return [each.due_at for each in rows if each.sent_at or stands[each.visit_id] is not VisitStatus.ENTERED_IN_ERROR]


async def results(unit: Unit) -> list[Results]:
    """The numbers of a year, by version of the questions, the latest first."""
    row, since = SurveyRow, (unit.now - SHOWN).date()
    counted = select(
        row.form_id, row.month, row.visit_type_id, func.count(row.sent_at), func.count(row.answered_at)
    ).where(row.month >= since, row.sent_at.is_not(None))
    groups: dict[UUID, dict[Key, tuple[int, int]]] = {}
    for form_id, month, kind, asked, answered in await unit.session.execute(
        counted.group_by(row.form_id, row.month, row.visit_type_id)
    ):
        groups.setdefault(form_id, {})[month, kind] = asked, answered
    scores = await _scores(unit, since)
    forms = await monitoring.forms(unit, set(groups))
    kinds = {each for keys in groups.values() for _, each in keys}
    names = {each: (await booking.visit_type(unit, each)).name for each in kinds}
    latest = sorted(forms.values(), key=lambda each: each.published_at, reverse=True)
    return [Results(each, _groups(groups[each.id], names, scores.get(each.id, {}))) for each in latest]


def _groups(
    counted: Mapping[Key, tuple[int, int]], names: Mapping[UUID, str], scores: Mapping[Key, Mapping[str, Score]]
) -> list[Group]:
    found = [
        Group(
            month=month,
            visit_type=names[kind],
            asked=asked,
            answered=enough(answered),
            scores=scores.get((month, kind), {}),
        )
        for (month, kind), (asked, answered) in counted.items()
    ]
    return sorted(found, key=lambda each: (-each.month.toordinal(), each.visit_type))


async def _scores(unit: Unit, since: date) -> dict[UUID, dict[Key, dict[str, Score]]]:
    row = SurveyTallyRow
    found: dict[UUID, dict[Key, dict[str, Score]]] = {}
    for each in await unit.session.scalars(select(row).where(row.month >= since, row.shown_answers > 0)):
        group = found.setdefault(each.form_id, {}).setdefault((each.month, each.visit_type_id), {})
        group[each.link_id] = Score(each.shown_answers, each.shown_total / each.shown_answers)
    return found

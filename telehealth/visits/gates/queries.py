"""What is asked before a visit, and what was answered: for the patient, for staff, for the admin who publishes it."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select

from telehealth.access.queries import account_names
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import VisitTypeId
from telehealth.db.unit import Unit
from telehealth.scheduling.booking import queries as booking
from telehealth.visits.gates.filling import Intake, Published, prefill, read_answers
from telehealth.visits.gates.models import (
    ConsentRow,
    ConsentTextRow,
    QuestionnaireRow,
    ResponseRow,
    WaiverRow,
    WithdrawalRow,
)
from telehealth.visits.gates.rules import (
    Concern,
    ConsentText,
    Found,
    Gate,
    Given,
    Standing,
    Waiver,
    standing_gates,
    text_in_force,
)
from telehealth.visits.lifecycle import check_in
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import Visit

SEALED = ("questionnaire_response", "answers")


# The gates


async def standings(unit: Unit, visit: Visit) -> tuple[Standing, ...]:
    """Every gate of the visit and how it stands now. The visit has been loaded for the actor: nothing is traced."""
    text = await text_for(unit, visit)
    asked = await _in_force(unit, visit.visit_type_id)
    place = await check_in.needs_licence(unit, visit)
    return standing_gates(
        Found(
            consent_asked=text is not None,
            consented=text is not None and await consent_to(unit, visit, text) is not None,
            intake_asked=asked is not None,
            intake_complete=await _completed_at(unit, visit.id) is not None,
            place_asked=place,
            licensed=await _licensed(unit, visit) if place else None,
            devices_checked=visit.check is not None,
            waived=frozenset(await _waived(unit, visit)),
        )
    )


async def _licensed(unit: Unit, visit: Visit) -> bool | None:
    return None if visit.location is None else await check_in.is_licensed(unit, visit, visit.location)


async def _waived(unit: Unit, visit: Visit) -> list[Gate]:
    """A place is waived for as long as the patient is there, a text until the patient takes back their consent."""
    rows = await unit.session.execute(select(WaiverRow.gate, WaiverRow.waived_at).where(WaiverRow.visit_id == visit.id))
    waived = {Gate(gate): at for gate, at in rows}
    last = await unit.session.scalar(
        select(func.max(WithdrawalRow.withdrawn_at)).where(WithdrawalRow.visit_id == visit.id)
    )
    if last is not None and waived.get(Gate.CONSENT, last) <= last:
        waived.pop(Gate.CONSENT, None)
    gates = set(waived) - {Gate.LOCATION}
    return [*gates, *([Gate.LOCATION] if visit.place_waived else [])]


async def waivers(unit: Unit, visit: Visit) -> dict[Gate, Waiver]:
    """Which gates staff waived, and for whom it is, why. The visit has been loaded for the actor."""
    rows = (await unit.session.scalars(select(WaiverRow).where(WaiverRow.visit_id == visit.id))).all()
    names = await account_names(unit, {row.waived_by for row in rows if row.waived_by is not None})
    return {Gate(row.gate): _waiver(unit, visit, row, names) for row in rows}


def _waiver(unit: Unit, visit: Visit, row: WaiverRow, names: Mapping[UUID, str]) -> Waiver:
    """A reason is read by who wrote it and by who treats the patient; everyone else sees that it was waived."""
    actor = unit.actor
    treats = actor.role is Role.CLINICIAN and actor.person_id == visit.clinician_id
    reads = actor.role is Role.SYSTEM or treats or (actor.id is not None and actor.id == row.waived_by)
    reason = unit.vault.open(("gate_waiver", "reason", row.id), row.reason) if reads else None
    return Waiver(row.waived_at, names.get(row.waived_by, "") if row.waived_by else "", reason)


async def mark(unit: Unit, visit_id: UUID) -> str:
    """Changes with every consent, completed answer and waiver of a visit: for streams. Leaves no trace."""
    agreed = select(func.count()).where(ConsentRow.visit_id == visit_id).scalar_subquery()
    answered = select(ResponseRow.revision).where(
        ResponseRow.visit_id == visit_id, ResponseRow.completed_at.is_not(None)
    )
    waived = select(func.count()).where(WaiverRow.visit_id == visit_id).scalar_subquery()
    found = (await unit.session.execute(select(agreed, answered.scalar_subquery(), waived))).one()
    return "-".join(str(each or 0) for each in found)


# Consent


async def text_for(unit: Unit, visit: Visit) -> ConsentText | None:
    """The text the patient of this visit is asked to agree to. Where they are: as they said, else as was planned."""
    concern = Concern.of(visit.visit_type_id, visit.location, visit.planned_location)
    row = ConsentTextRow
    asked = or_(row.visit_type_id.is_(None), row.visit_type_id == visit.visit_type_id)
    found = await unit.session.scalars(select(row).where(row.retired_at.is_(None), asked))
    return text_in_force(map(text_of, found), concern)


async def consent_to(unit: Unit, visit: Visit, text: ConsentText) -> datetime | None:
    """When it was agreed to, for this visit, and not taken back since."""
    row = ConsentRow
    return await unit.session.scalar(
        select(row.agreed_at).where(row.visit_id == visit.id, row.consent_text_id == text.id, ~_taken_back())
    )


async def consents(unit: Unit, visit_id: UUID) -> list[UUID]:
    """What was agreed to for that visit, in whatever version, and stands."""
    row = ConsentRow
    return list(await unit.session.scalars(select(row.id).where(row.visit_id == visit_id, ~_taken_back())))


async def last_given(unit: Unit, visit: Visit) -> Given | None:
    """What the patient agreed to for that visit, what stands before what was taken back. The visit has been loaded."""
    row, back, told = ConsentRow, WithdrawalRow, ConsentTextRow
    found = await unit.session.execute(
        select(row, back.withdrawn_at, told)
        .join(told, told.id == row.consent_text_id)
        .outerjoin(back, back.consent_id == row.id)
        .where(row.visit_id == visit.id)
        .order_by(back.withdrawn_at.is_not(None), row.agreed_at.desc(), row.number.desc())
        .limit(1)
    )
    for given, withdrawn_at, text in found:
        return Given(text_of(text), given.language, given.agreed_at, withdrawn_at)
    return None


async def withdrawn(unit: Unit, visit_ids: Collection[UUID]) -> set[UUID]:
    """Those of these visits whose patient took back their consent and has given none since. Leaves no trace."""
    row = ConsentRow
    stands = select(row.visit_id).where(row.visit_id.in_(visit_ids), ~_taken_back())
    back = select(WithdrawalRow.visit_id).where(WithdrawalRow.visit_id.in_(visit_ids))
    return set(await unit.session.scalars(back.except_(stands)))


def _taken_back() -> ColumnElement[bool]:
    return exists().where(WithdrawalRow.consent_id == ConsentRow.id)


async def consent_texts(unit: Unit) -> list[ConsentText]:
    """Every version, the newest first."""
    rows = await unit.session.scalars(
        select(ConsentTextRow).order_by(ConsentTextRow.published_at.desc(), ConsentTextRow.id.desc())
    )
    return [text_of(row) for row in rows]


def text_of(row: ConsentTextRow) -> ConsentText:
    return ConsentText(
        id=row.id,
        visit_type_id=row.visit_type_id,
        jurisdiction=row.jurisdiction,
        version=row.version,
        texts=dict(row.texts),
        published_at=row.published_at,
        retired_at=row.retired_at,
    )


# Questions and answers


async def questionnaire(unit: Unit, visit_type_id: UUID) -> Published:
    """The questions in force for that kind of visit. Raises NotFound when it has none, or there is no such kind."""
    kind = await booking.visit_type(unit, VisitTypeId(visit_type_id))
    found = await _in_force(unit, kind.id)
    if found is None:
        raise NotFound
    return published(found)


def published(row: QuestionnaireRow) -> Published:
    return Published(row.id, row.version, row.resource, row.published_at)


async def is_asked(unit: Unit, visit: Visit) -> bool:
    """Whether there are questions before this visit, or were when they were answered. Leaves no trace."""
    return await _in_force(unit, visit.visit_type_id) is not None or await _completed_at(unit, visit.id) is not None


async def open_intake(unit: Unit, visit_id: UUID) -> Intake:
    """What the patient fills in. Raises NotFound when nothing is asked, or it is not the actor's to see."""
    found = await intake_of(unit, await visits.find(unit, visit_id))
    if found is None:
        raise NotFound
    return found


async def intake_of(unit: Unit, visit: Visit) -> Intake | None:
    """The intake of a visit that has been loaded for the actor; None when nothing was asked or answered.

    Who has completed it sees the questions they answered; who has not, those in force now.
    """
    response = await unit.session.scalar(select(ResponseRow).where(ResponseRow.visit_id == visit.id))
    asked = await _in_force(unit, visit.visit_type_id)
    if response is not None and (response.completed_at is not None or asked is None):
        asked = await unit.session.get_one(QuestionnaireRow, response.questionnaire_id)
    if asked is None:
        return None
    entity_id = None if response is None else response.id
    unit.audit("read", "questionnaire_response", entity_id, patient_id=visit.patient_id)
    questions = published(asked)
    if response is None:
        before = await _last_answers(unit, visit)
        answers = prefill(questions.questionnaire, before)
        return Intake(published=questions, answers=answers, prefilled=bool(before))
    return Intake(
        published=questions,
        answers=read_answers(questions.questionnaire, opened(unit, response))[0],
        revision=response.revision,
        saved_at=response.saved_at,
        completed_at=response.completed_at,
    )


async def completed(unit: Unit, visit: Visit) -> Intake | None:
    """For staff: the answers that apply, once the patient has completed them. Audited."""
    if await _completed_at(unit, visit.id) is None:
        return None
    return await intake_of(unit, visit)


def opened(unit: Unit, row: ResponseRow) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(unit.vault.open((*SEALED, row.id), row.answers))
    return found


async def _last_answers(unit: Unit, visit: Visit) -> dict[str, Any]:
    """Those of the patient's last completed intake for a visit of this kind."""
    row = ResponseRow
    found = await unit.session.scalar(
        select(row)
        .join(QuestionnaireRow, QuestionnaireRow.id == row.questionnaire_id)
        .where(row.patient_id == visit.patient_id, row.completed_at.is_not(None))
        .where(QuestionnaireRow.visit_type_id == visit.visit_type_id, row.visit_id != visit.id)
        .order_by(row.completed_at.desc())
        .limit(1)
    )
    return {} if found is None else opened(unit, found)


async def answered_since(unit: Unit, patient_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """By patient, when they last answered questions; leaves no trace."""
    query = select(ResponseRow.patient_id, func.max(ResponseRow.completed_at))
    query = query.where(ResponseRow.patient_id.in_(patient_ids), ResponseRow.completed_at.is_not(None))
    rows = await unit.session.execute(query.group_by(ResponseRow.patient_id))
    return {patient_id: at for patient_id, at in rows if at is not None}


async def _in_force(unit: Unit, visit_type_id: UUID) -> QuestionnaireRow | None:
    row = QuestionnaireRow
    found: QuestionnaireRow | None = await unit.session.scalar(
        select(row).where(row.visit_type_id == visit_type_id, row.retired_at.is_(None))
    )
    return found


async def _completed_at(unit: Unit, visit_id: UUID) -> datetime | None:
    return await unit.session.scalar(select(ResponseRow.completed_at).where(ResponseRow.visit_id == visit_id))

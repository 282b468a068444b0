"""What opens the gates before a visit: agreeing, answering, waiving; and what publishes texts and questions."""

import json
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import STAFF, Role
from telehealth.core.errors import NotAllowed, NotFound, Stale
from telehealth.core.ids import VisitTypeId
from telehealth.db.unit import Unit
from telehealth.scheduling.booking import queries as booking
from telehealth.visits.gates import queries
from telehealth.visits.gates.definitions import read_questionnaire
from telehealth.visits.gates.events import ConsentGiven, IntakeCompleted
from telehealth.visits.gates.filling import Intake, Problem, Published, Wrong, kept, missing, read_typed, refuse, stored
from telehealth.visits.gates.models import (
    ConsentRow,
    ConsentTextRow,
    QuestionnaireRow,
    ResponseRow,
    WaiverRow,
    WithdrawalRow,
)
from telehealth.visits.gates.rules import (
    ConsentText,
    Gate,
    GatesClosed,
    GateState,
    NoSuchGate,
    PreparationOver,
    PublishedMeanwhile,
    Standing,
    TextChanged,
    closed_gates,
)
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle import steps
from telehealth.visits.lifecycle.rules import BEFORE_CALL, IN_CALL, Command, DeviceCheck, Visit, VisitStatus

MACHINES = frozenset({Gate.LOCATION, Gate.DEVICES})  # of these the lifecycle itself says what is to be done
TO_BE_SEEN = frozenset({VisitStatus.READY, VisitStatus.ADMITTING})


async def make_ready(unit: Unit, visit_id: UUID, *, revision: int | None = None) -> Visit:
    """Into the waiting room. Who goes there with failing devices waives the check; the clinician sees it failed.

    Raises Stale, NotNow, GatesClosed while consent or answers are missing; LocationRequired and JurisdictionMismatch
    for a kind of visit that needs a licence.
    """
    await _unchanged(unit, visit_id, revision)
    visit = await lifecycle.arrive(unit, visit_id)
    standings = await queries.standings(unit, visit)
    closed = closed_gates(standings)
    if not MACHINES.issuperset(closed):
        raise GatesClosed(gates=list(closed))
    cause = "check-failed" if visit.check is DeviceCheck.FAILED else ""
    unchecked = Standing(Gate.DEVICES, GateState.WAIVED) in standings
    facts: dict[str, Any] = {"check": DeviceCheck.WAIVED} if unchecked else {}
    facts |= {"consent_current": Gate.CONSENT not in closed, "intake_done": Gate.INTAKE not in closed}
    values = {"waiting_since": unit.now}
    return await steps.change(unit, visit_id, Command.MAKE_READY, cause=cause, values=values, facts=facts)


async def _unchanged(unit: Unit, visit_id: UUID, revision: int | None) -> Visit:
    """The visit, locked, if it is still at that revision. Raises NotFound, Stale with how it stands."""
    visit = await visits.find(unit, visit_id, lock=True)
    if revision is not None and revision != visit.revision:
        raise Stale(revision=visit.revision, visit_status=visit.status)
    return visit


async def waive(unit: Unit, visit_id: UUID, gate: Gate, *, reason: str, revision: int | None = None) -> Visit:
    """Staff let the patient in without one of the things that are asked for. Again changes nothing.

    A place is waived by the clinician alone, whose licence it is, and for that place alone. Raises NotFound,
    Stale, NotAllowed, NoSuchGate, NotNow.
    """
    visit = await _unchanged(unit, visit_id, revision)
    if unit.actor.role not in STAFF or (gate is Gate.LOCATION and unit.actor.role is Role.FRONT_DESK):
        raise NotAllowed
    states = {each.gate: each.state for each in await queries.standings(unit, visit)}
    if gate not in states:
        raise NoSuchGate
    if states[gate] is not GateState.CLOSED:
        return visit
    waiver_id = unit.new_id()
    row = {
        "id": waiver_id,
        "visit_id": visit.id,
        "gate": gate,
        "waived_at": unit.now,
        "waived_by": unit.actor.id,
        "reason": unit.vault.seal(("gate_waiver", "reason", waiver_id), reason),
    }
    renewed = {name: row[name] for name in row if name not in ("visit_id", "gate")}
    await unit.session.execute(
        insert(WaiverRow).values(row).on_conflict_do_update(index_elements=["visit_id", "gate"], set_=renewed)
    )
    values = {"waived_location": visit.location or ""} if gate is Gate.LOCATION else {}
    return await steps.change(unit, visit_id, Command.WAIVE, cause=gate, values=values)


# What the patient does


async def _to_prepare(unit: Unit, visit_id: UUID) -> Visit:
    """The visit, locked, while it can still be prepared by its patient. Raises NotFound, PreparationOver."""
    visit = await visits.find(unit, visit_id, lock=True)
    if unit.actor.role is not Role.PATIENT:
        raise NotFound
    if visit.status not in BEFORE_CALL:
        raise PreparationOver
    return visit


def _participant(unit: Unit) -> UUID:
    if unit.actor.id is None:
        raise NotFound
    return unit.actor.id


async def agree(unit: Unit, visit_id: UUID, *, text_id: UUID, language: str) -> None:
    """The patient agrees to that text, for this visit. Again changes nothing. Raises NotFound, PreparationOver,
    TextChanged.
    """
    visit = await _to_prepare(unit, visit_id)
    text = await queries.text_for(unit, visit)
    if text is None or text.id != text_id:
        raise TextChanged
    before = select(func.count()).select_from(WithdrawalRow).join(ConsentRow, ConsentRow.id == WithdrawalRow.consent_id)
    taken_back = await unit.session.scalar(
        before.where(ConsentRow.visit_id == visit.id, ConsentRow.consent_text_id == text.id)
    )
    agreed = insert(ConsentRow).values(
        id=unit.new_id(),
        number=1 + (taken_back or 0),
        visit_id=visit.id,
        consent_text_id=text.id,
        participant_id=_participant(unit),
        language=text.in_language(language).language,
        agreed_at=unit.now,
    )
    found = await unit.session.scalar(agreed.on_conflict_do_nothing().returning(ConsentRow.id))
    if found is not None:
        unit.audit("create", "consent", found, patient_id=visit.patient_id)
        unit.emit(ConsentGiven(visit_id=visit.id, patient_id=visit.patient_id, clinician_id=visit.clinician_id))


async def withdraw(unit: Unit, visit_id: UUID) -> Visit:
    """The patient takes back what they agreed to for this visit: the gate is closed again, and staff are told. Who
    waited or was just let in prepares again; a call goes on, for the clinician to end. Again changes nothing.

    Raises NotFound, PreparationOver, NotNow.
    """
    visit = await visits.find(unit, visit_id, lock=True)
    if unit.actor.role is not Role.PATIENT:
        raise NotFound
    if visit.status not in BEFORE_CALL | IN_CALL:
        raise PreparationOver
    given = await queries.consents(unit, visit.id)
    if not given:
        return visit
    about = {"visit_id": visit.id, "participant_id": _participant(unit), "withdrawn_at": unit.now}
    await unit.session.execute(insert(WithdrawalRow), [{**about, "consent_id": each} for each in given])
    for each in given:
        unit.audit("update", "consent", each, patient_id=visit.patient_id)
    values = {"waiting_since": None} if visit.status in TO_BE_SEEN else {}
    return await steps.change(unit, visit_id, Command.WITHDRAW, values=values)


async def save_intake(
    unit: Unit, visit_id: UUID, *, revision: int, given: Mapping[str, bool | int | str], complete: bool
) -> tuple[Intake, list[Problem]]:
    """Save the answers over that revision, 0 for the first. The problems are answers that could not be kept.

    Whoever sends what was saved last has no need to know its revision: they may not have heard that it was saved.
    A completed intake is changed only as a whole: saved again, complete. Raises NotFound, Stale, PreparationOver;
    InvalidAnswers when it is to be complete and is not.
    """
    visit = await _to_prepare(unit, visit_id)
    intake = await queries.open_intake(unit, visit_id)
    asked = intake.published.questionnaire
    answers, problems = read_typed(asked, given)
    complete = complete or intake.completed_at is not None
    if revision != intake.revision and not intake.says(answers, complete=complete):
        raise Stale
    if complete:
        unread = {each.link_id for each in problems}
        refuse([*problems, *(each for each in missing(asked, answers) if each.link_id not in unread)])
        answers = kept(asked, answers)
    await _write(unit, visit, intake, answers=stored(answers), complete=complete)
    if complete:
        unit.emit(IntakeCompleted(visit_id=visit.id, patient_id=visit.patient_id, clinician_id=visit.clinician_id))
    return await queries.open_intake(unit, visit_id), [each for each in problems if each.wrong is not Wrong.UNKNOWN]


async def _write(
    unit: Unit, visit: Visit, intake: Intake, *, answers: Mapping[str, bool | int | str], complete: bool
) -> None:
    row = await unit.session.scalar(
        select(ResponseRow).where(ResponseRow.visit_id == visit.id).execution_options(populate_existing=True)
    )
    if row is None:
        row = ResponseRow(id=unit.new_id(), visit_id=visit.id, patient_id=visit.patient_id)
        unit.session.add(row)
    row.questionnaire_id = intake.published.id
    row.participant_id = _participant(unit)
    row.answers = unit.vault.seal((*queries.SEALED, row.id), json.dumps(answers, ensure_ascii=False))
    row.revision = intake.revision + 1
    row.saved_at = unit.now
    row.completed_at = unit.now if complete else None
    unit.audit("update" if intake.revision else "create", "questionnaire_response", row.id, patient_id=visit.patient_id)
    await unit.session.flush()


# What an admin publishes


async def publish_text(
    unit: Unit,
    *,
    visit_type_id: UUID | None,
    jurisdiction: str | None,
    texts: Mapping[str, str],
    seen: Collection[UUID] | None = None,
) -> ConsentText:
    """The next version of what is asked there; the one before it is retired. `seen` are the texts that were in force
    as far as whoever publishes it knows, none: whatever is in force. Raises NotFound, PublishedMeanwhile, which is
    said of a text that was retired meanwhile too.
    """
    if visit_type_id is not None:
        await booking.visit_type(unit, VisitTypeId(visit_type_id))
    row = ConsentTextRow
    same = (
        row.visit_type_id.is_not_distinct_from(visit_type_id),
        row.jurisdiction.is_not_distinct_from(jurisdiction),
    )
    retired = update(row).where(*same, row.retired_at.is_(None)).values(retired_at=unit.now).returning(row.id)
    replaced = set(await unit.session.scalars(retired))
    if seen is not None and replaced != set(await unit.session.scalars(select(row.id).where(*same, row.id.in_(seen)))):
        raise PublishedMeanwhile
    version = await unit.session.scalar(select(func.coalesce(func.max(row.version), 0) + 1).where(*same))
    fresh = ConsentTextRow(
        id=unit.new_id(),
        visit_type_id=visit_type_id,
        jurisdiction=jurisdiction,
        version=version,
        texts=dict(texts),
        published_at=unit.now,
    )
    unit.session.add(fresh)
    await unit.session.flush()
    unit.audit("create", "consent_text", fresh.id)
    return queries.text_of(fresh)


async def retire_text(unit: Unit, text_id: UUID) -> None:
    """Ask for it no more. Who agreed to it stays written down. Raises NotFound when it is not in force."""
    row = ConsentTextRow
    retired = update(row).where(row.id == text_id, row.retired_at.is_(None)).values(retired_at=unit.now)
    if await unit.session.scalar(retired.returning(row.id)) is None:
        raise NotFound
    unit.audit("delete", "consent_text", text_id)


async def publish_questionnaire(unit: Unit, visit_type_id: UUID, resource: Mapping[str, Any]) -> Published:
    """The next version of the questions of that kind of visit. Raises NotFound, InvalidQuestionnaire,
    PublishedMeanwhile.
    """
    kind = await booking.visit_type(unit, VisitTypeId(visit_type_id))
    read_questionnaire(resource)
    await _retire_questions(unit, kind.id)
    row = QuestionnaireRow
    version = await unit.session.scalar(
        select(func.coalesce(func.max(row.version), 0) + 1).where(row.visit_type_id == kind.id)
    )
    fresh = QuestionnaireRow(
        id=unit.new_id(),
        visit_type_id=kind.id,
        version=version,
        resource=dict(resource),
        published_at=unit.now,
    )
    unit.session.add(fresh)
    await unit.session.flush()
    unit.audit("create", "questionnaire", fresh.id)
    return queries.published(fresh)


async def retire_questionnaire(unit: Unit, visit_type_id: UUID) -> None:
    """Ask nothing more before visits of that kind. Answers stay. Raises NotFound when nothing is asked."""
    found = await queries.questionnaire(unit, visit_type_id)
    await _retire_questions(unit, visit_type_id)
    unit.audit("delete", "questionnaire", found.id)


async def _retire_questions(unit: Unit, visit_type_id: UUID) -> None:
    row = QuestionnaireRow
    in_force = update(row).where(row.visit_type_id == visit_type_id, row.retired_at.is_(None))
    await unit.session.execute(in_force.values(retired_at=unit.now))

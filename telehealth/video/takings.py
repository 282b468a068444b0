"""Recordings and captions as rows, as far as they are alike: who asked, who agrees, whether it may go on now."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.errors import NotFound
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.db.unit import Unit
from telehealth.video.language import Finish, KeepConsent, Taking
from telehealth.video.models import CaptioningConsentRow, CaptioningRow, RecordingConsentRow, RecordingRow
from telehealth.video.ports import TakingLost
from telehealth.video.room import Tap
from telehealth.visits.gates import queries as gates
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import IN_CALL

BETWEEN = timedelta(milliseconds=300)  # of those who could renew it, one does
LAPSED = timedelta(seconds=15)  # longer than it waits to be renewed
ROWS: Mapping[Tap, type[RecordingRow] | type[CaptioningRow]] = {
    Tap.RECORDING: RecordingRow,
    Tap.CAPTIONS: CaptioningRow,
}
CONSENTS: Mapping[Tap, type[RecordingConsentRow] | type[CaptioningConsentRow]] = {
    Tap.RECORDING: RecordingConsentRow,
    Tap.CAPTIONS: CaptioningConsentRow,
}


async def ask(
    unit: Unit, visit_id: VisitId, taking: Taking, by: ParticipantId, *, more: Mapping[str, object] | None = None
) -> bool:
    """Somebody wants it of the call, and agrees. What is kept already stays as it is: False when it is over."""
    visit, row = await visits.find(unit, visit_id), ROWS[taking.tap]
    values = {"id": taking.id, "visit_id": visit.id, "asked_by": by, "asked_at": unit.now, **(more or {})}
    new = insert(row).values(values).on_conflict_do_nothing().returning(row.id)
    if await unit.session.scalar(new) is not None:
        unit.audit("create", taking.tap, taking.id, patient_id=visit.patient_id)
    await answer(unit, visit_id, KeepConsent(taking, by, given=True))
    return await unit.session.scalar(_of(taking, visit.id).where(row.stopped_at.is_(None))) is not None


async def answer(unit: Unit, visit_id: VisitId, said: KeepConsent) -> None:
    """What somebody says to one of that visit. Said again it changes nothing. Raises NotFound."""
    visit = await visits.find(unit, visit_id)
    if await unit.session.scalar(_of(said.taking, visit.id)) is None:
        raise NotFound
    row = CONSENTS[said.taking.tap]
    ids = {"taking_id": said.taking.id, "participant_id": said.participant}
    new = insert(row).values(**ids, given_at=unit.now if said.given else None)
    if said.given:
        changed = new.on_conflict_do_nothing()
    else:
        mine = insert(row).values(**ids, withdrawn_at=unit.now)
        once = {"withdrawn_at": func.coalesce(row.withdrawn_at, unit.now)}
        changed = mine.on_conflict_do_update(index_elements=[row.taking_id, row.participant_id], set_=once)
    await unit.session.execute(changed)
    entity = f"{said.taking.tap}-consent"
    unit.audit("create" if said.given else "delete", entity, said.taking.id, patient_id=visit.patient_id)


async def renew(unit: Unit, visit_id: VisitId, taking: Taking, present: Collection[ParticipantId]) -> bool:
    """Whether it goes on, or waits if nobody is `present`; False when somebody else has just asked.

    Raises TakingLost when it is over, the visit is not on, or its patient has taken back what they agreed to.
    """
    row = ROWS[taking.tap]
    mine = (row.renewed_at.is_(None) | (row.renewed_at <= unit.now - BETWEEN), row.stopped_at.is_(None))
    began = func.coalesce(row.started_at, unit.now) if present else row.started_at
    values = {"renewed_at": unit.now, "started_at": began}
    renewed = update(row).where(row.id == taking.id, row.visit_id == visit_id, *mine).values(values)
    if await unit.session.scalar(renewed.returning(row.id)) is None:
        if await unit.session.scalar(_of(taking, visit_id).where(row.stopped_at.is_(None))) is None:
            raise TakingLost
        return False
    visit = await visits.find(unit, visit_id)
    if visit.status not in IN_CALL or await gates.withdrawn(unit, [visit_id]):
        raise TakingLost
    return True


async def covered(
    unit: Unit, taking: Taking, present: Collection[ParticipantId], devices: Collection[ParticipantId]
) -> tuple[ParticipantId, ...]:
    """Whom it may take: nobody, unless all who are `present` have agreed; `devices` with them."""
    agreed = set(await unit.session.scalars(_agreed(taking)))
    everyone = bool(present) and set(present) <= agreed
    return tuple(ParticipantId(each) for each in sorted(agreed.union(devices))) if everyone else ()


async def has_begun(unit: Unit, taking: Taking) -> bool:
    """Whether anybody was ever to be taken by it."""
    row = ROWS[taking.tap]
    began = select(row.started_at.is_not(None)).where(row.id == taking.id)
    return bool(await unit.session.scalar(began))


async def finish(unit: Unit, visit_id: VisitId, end: Finish, *, more: Mapping[str, object] | None = None) -> None:
    """It is over, from now on and once."""
    row = ROWS[end.taking.tap]
    values = {"stopped_at": unit.now, "stopped_by": end.by, "why": end.why, **(more or {})}
    mine = (row.id == end.taking.id, row.visit_id == visit_id, row.stopped_at.is_(None))
    if await unit.session.scalar(update(row).where(*mine).values(values).returning(row.id)) is not None:
        visit = await visits.find(unit, visit_id)
        unit.audit("update", end.taking.tap, end.taking.id, patient_id=visit.patient_id)


async def left_open(unit: Unit, tap: Tap) -> list[tuple[Taking, VisitId]]:
    """Those that nobody keeps alive any more, or whose visit is over."""
    row = ROWS[tap]
    found = await unit.session.execute(
        select(row.id, row.visit_id, row.renewed_at).where(row.stopped_at.is_(None)).order_by(row.asked_at)
    )
    over = []
    for taken, visit_id, renewed_at in found.all():
        visit = await visits.find(unit, visit_id)
        if visit.status not in IN_CALL or (renewed_at is not None and renewed_at < unit.now - LAPSED):
            over.append((Taking(tap, taken), visit.id))
    return over


def _of(taking: Taking, visit_id: UUID) -> Select[UUID]:
    row = ROWS[taking.tap]
    return select(row.id).where(row.id == taking.id, row.visit_id == visit_id)


def _agreed(taking: Taking) -> Select[UUID]:
    row = CONSENTS[taking.tap]
    stands = (row.given_at.is_not(None), row.withdrawn_at.is_(None))
    return select(row.participant_id).where(row.taking_id == taking.id, *stands)

"""How somebody's part in a visit changes: by a step of its machine, with its entry, in one transaction.

Who gives the visit is seen to here too; everyone else is the matter of `visits.participants`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, literal, select
from sqlalchemy.dialects.postgresql import insert as upsert

from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.visits.lifecycle.models import ParticipantEventRow, ParticipantRow, PresenceRow
from telehealth.visits.lifecycle.parts import Circumstances, ParticipantKind, ParticipantState, Step, decide
from telehealth.visits.lifecycle.rules import Visit

K, S = ParticipantKind, ParticipantState
PREPARED = timedelta(minutes=30)  # how long a page counts as open on which somebody reads and answers without scripts


async def invite(unit: Unit, rows: Sequence[Mapping[str, Any]]) -> None:
    """They take part from now on. Each row needs at least id, visit_id, role, and a person_id or a name."""
    told = {"created_at": unit.now, "since": unit.now, "state": S.INVITED, "invited_as": unit.actor.role}
    await unit.session.execute(insert(ParticipantRow), [{**told, **row} for row in rows])
    entries = [
        _entry(unit, row["id"], 1, Step.INVITE, visit_id=row["visit_id"], states=(None, S.INVITED)) for row in rows
    ]
    await unit.session.execute(insert(ParticipantEventRow), entries)


def circumstances_of(row: ParticipantRow, *, authority: bool = True) -> Circumstances:
    """What the machine's guards look at."""
    kind = K(row.role)
    host = kind is K.CLINICIAN and row.person_id is not None
    return Circumstances(kind=kind, host=host, authority=authority, own=row.invited_as == Role.PATIENT)


async def move(
    unit: Unit, row: ParticipantRow, step: Step, *, by: Role | None = None, authority: bool = True
) -> ParticipantState:
    """Take one step; the row must be locked. `by` decides as another role than the actor's, whose step it stays.

    Raises StepRefused.
    """
    before = S(row.state)
    after = decide(step, before, by or unit.actor.role, circumstances_of(row, authority=authority))
    if after is not before:
        row.state, row.since = after, unit.now
    seq = await unit.session.scalar(
        select(func.coalesce(func.max(ParticipantEventRow.seq), 0) + 1).where(
            ParticipantEventRow.participant_id == row.id
        )
    )
    entry = _entry(unit, row.id, seq or 1, step, visit_id=row.visit_id, states=(before, after))
    await unit.session.execute(insert(ParticipantEventRow), [entry])
    return after


async def note_here(unit: Unit, participants: Collection[UUID], until: datetime) -> None:
    """They have a page of their visit open, and count as here until then; what was noted before no longer counts."""
    known = select(ParticipantRow.id, literal(until)).where(ParticipantRow.id.in_(participants))
    seen = upsert(PresenceRow).from_select(["participant_id", "seen_until"], known.order_by(ParticipantRow.id))
    await unit.session.execute(
        seen.on_conflict_do_update(
            index_elements=[PresenceRow.participant_id], set_={"seen_until": seen.excluded.seen_until}
        )
    )


def _entry(
    unit: Unit,
    participant_id: UUID,
    seq: int,
    step: Step,
    *,
    visit_id: UUID,
    states: tuple[ParticipantState | None, ParticipantState],
) -> dict[str, Any]:
    before, after = states
    return {
        "participant_id": participant_id,
        "seq": seq,
        "visit_id": visit_id,
        "at": unit.now,
        "step": step,
        "actor_id": unit.actor.id,
        "role": unit.actor.role,
        "purpose": unit.actor.purpose,
        "before": before,
        "after": after,
    }


# Who gives the visit


async def change_host(unit: Unit, visit: Visit, clinician_id: ClinicianId) -> None:
    """Another clinician is invited in the place of the one who was; one who comes back is invited as before."""
    row = ParticipantRow
    hosts = select(row).where(row.visit_id == visit.id, row.role == K.CLINICIAN, row.person_id.is_not(None))
    known = False
    for each in await unit.session.scalars(
        hosts.order_by(row.id).with_for_update().execution_options(populate_existing=True)
    ):
        if each.person_id == clinician_id:
            known = True
            await _bring_back(unit, each)
        elif each.revoked_at is None:
            each.revoked_at = unit.now
            await move(unit, each, Step.HAND_OVER, by=Role.SYSTEM)
    if not known:
        invited = {"id": unit.new_id(), "visit_id": visit.id, "role": K.CLINICIAN, "person_id": clinician_id}
        await invite(unit, [invited])


async def _bring_back(unit: Unit, row: ParticipantRow) -> None:
    if row.revoked_at is not None:
        row.revoked_at = None
        await move(unit, row, Step.TAKE_OVER, by=Role.SYSTEM)

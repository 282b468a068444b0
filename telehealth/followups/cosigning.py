"""Tasks of those who are to co-sign: what records ask of this package."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select

from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.followups.models import FollowUpRow
from telehealth.followups.parts import Command, Owner, Pool, Priority, TaskKind, Wish
from telehealth.followups.queries import own_id
from telehealth.followups.service import plan
from telehealth.followups.steps import change
from telehealth.people import queries as people
from telehealth.visits.lifecycle import queries as visits

AWAITED = (FollowUpRow.kind == TaskKind.COSIGN, FollowUpRow.closed_at.is_(None))


class CosignatureTasks:
    """`charting.ports.SupervisorTasks`."""

    async def ask(self, unit: Unit, visit_id: UUID, supervisors: Sequence[ClinicianId], /) -> None:
        for each in supervisors:
            owner = Owner(Pool.CLINICIANS, each)
            await plan(unit, visit_id, Wish(kind=TaskKind.COSIGN, owner=owner, priority=Priority.URGENT))

    async def settle(self, unit: Unit, visit_id: UUID, /) -> None:
        for row in await _asked(unit, visit_id):
            await change(unit, row, Command.COMPLETE if row.owner_id == own_id(unit) else Command.CANCEL)


async def ask_others(unit: Unit, trainee: ClinicianId) -> None:
    """What awaits those who were supervisors awaits those who are. With nobody left it stays with those who were."""
    named = {each.id for each in await people.supervisors(unit, trainee)}
    if not named:
        return
    waiting = (await unit.session.scalars(select(FollowUpRow.visit_id).where(*AWAITED).distinct())).all()
    for visit_id in waiting:
        if (await visits.find(unit, visit_id)).clinician_id == trainee:
            await _replace(unit, visit_id, named)


async def _replace(unit: Unit, visit_id: UUID, named: Collection[ClinicianId]) -> None:
    asked = await _asked(unit, visit_id)
    for row in asked:
        if row.owner_id not in named:
            await change(unit, row, Command.CANCEL)
    await CosignatureTasks().ask(unit, visit_id, sorted(set(named) - {row.owner_id for row in asked}))


async def _asked(unit: Unit, visit_id: UUID) -> Sequence[FollowUpRow]:
    """Locked."""
    query = select(FollowUpRow).where(FollowUpRow.visit_id == visit_id, *AWAITED)
    return (await unit.session.scalars(query.order_by(FollowUpRow.id).with_for_update())).all()

"""Tasks of those who are to co-sign: what records ask of this package."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.followups.models import FollowUpRow
from telehealth.followups.parts import Command, Owner, Pool, Priority, TaskKind, Wish
from telehealth.followups.queries import own_id
from telehealth.followups.service import plan
from telehealth.followups.steps import change


class CosignatureTasks:
    """`charting.ports.SupervisorTasks`."""

    async def ask(self, unit: Unit, visit_id: UUID, supervisors: Sequence[ClinicianId], /) -> None:
        for each in supervisors:
            owner = Owner(Pool.CLINICIANS, each)
            await plan(unit, visit_id, Wish(kind=TaskKind.COSIGN, owner=owner, priority=Priority.URGENT))

    async def settle(self, unit: Unit, visit_id: UUID, /) -> None:
        query = select(FollowUpRow).where(
            FollowUpRow.visit_id == visit_id, FollowUpRow.kind == TaskKind.COSIGN, FollowUpRow.closed_at.is_(None)
        )
        for row in await unit.session.scalars(query.order_by(FollowUpRow.id).with_for_update()):
            await change(unit, row, Command.COMPLETE if row.owner_id == own_id(unit) else Command.CANCEL)

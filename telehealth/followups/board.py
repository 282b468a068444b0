"""What the boards and rooms of lower floors show of follow-up tasks: the implementation of their ports."""

from uuid import UUID

from telehealth.db.unit import Unit
from telehealth.followups import queries
from telehealth.followups.rules import FollowUp


class BoardFollowUps:
    """`visits.ports.FollowUps`, and the tasks of one visit for its room."""

    async def wanted(self, unit: Unit, /) -> list[FollowUp]:
        return await queries.wanted(unit)

    async def wanted_marks(self, unit: Unit, /) -> dict[UUID, str]:
        return await queries.wanted_marks(unit)

    async def of_visit(self, unit: Unit, visit_id: UUID, /) -> list[FollowUp]:
        return await queries.follow_ups(unit, visit_id=visit_id)

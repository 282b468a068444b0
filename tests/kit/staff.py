"""Signed-in staff without slow passwords, and a board on which nothing is due."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import text

from telehealth.access import service as access
from telehealth.core.actors import Actor, Role
from telehealth.core.ids import AccountId, ClinicianId
from telehealth.db.unit import Unit
from telehealth.visits.waiting_room.ports import DueFollowUp, LateNote


class NothingDue:
    async def wanted(self, _unit: Unit, /) -> Sequence[DueFollowUp]:
        return []

    async def wanted_marks(self, _unit: Unit, /) -> Mapping[UUID, str]:
        return {}


class NothingAsked:
    async def codes(self, _unit: Unit, /) -> Collection[str]:
        return ()


class NothingLate:
    async def late(self, _unit: Unit, /) -> Sequence[LateNote]:
        return []

    async def late_marks(self, _unit: Unit, /) -> Mapping[UUID, str]:
        return {}


async def open_account(unit: Unit, role: Role, person_id: ClinicianId | None, *, email: str = "") -> str:
    """The secret of a session. Straight into the table: sealing a password takes longer than the rest of a test."""
    account_id, email = AccountId(unit.new_id()), email or f"{role}@clinic.example"
    row = {"id": account_id, "email": email, "role": role, "person": person_id, "now": unit.now}
    await unit.session.execute(
        text(
            "INSERT INTO account (id, email, password, role, person_id, created_at) "
            "VALUES (:id, :email, '', :role, :person, :now)"
        ),
        row,
    )
    opened = await access.open_staff_session(unit, account_id, compared="")
    assert opened is not None
    return opened.secret


async def open_own_account(unit: Unit, actor: Actor) -> None:
    """The account of a clinician whose sessions a test makes up."""
    row = {"id": actor.id, "person": actor.person_id, "now": unit.now}
    opened = "INSERT INTO account (id, email, password, role, person_id, created_at) VALUES "
    await unit.session.execute(text(opened + "(:id, 'a@clinic.example', '', 'clinician', :person, :now)"), row)

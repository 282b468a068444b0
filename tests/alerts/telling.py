"""A platform of devices with a grant, a patient with a visit, and the alerts that it brings."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text

from telehealth.access import service as access
from telehealth.access.models import AccountRow
from telehealth.access.rules import EVERYONE, SCOPES, DataKind, Patients
from telehealth.alerts import service
from telehealth.alerts.parts import Alert, Code, CodeSystem, Device, Report, Severity
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.ids import AccountId, GrantId, IntegrationId
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import queries as tasks
from telehealth.followups.parts import FollowUp, Step, TaskStatus
from telehealth.followups.tasks import fire_due
from tests.followups.working import work_of
from tests.kit.integrations import jwks_of, new_key
from tests.kit.visits import Arranged, arrange_visit

CUFF, SYSTOLIC = Device("Cuff CANARY", "SN-1"), Code(CodeSystem.LOINC, "8480-6", "Systolic pressure CANARY")
BODY: dict[str, Any] = {
    "identifier": "a-1",
    "device": {"name": CUFF.name, "identifier": CUFF.identifier},
    "code": {"system": "http://loinc.org", "code": SYSTOLIC.code, "text": SYSTOLIC.text},
    "severity": "high",
    "quantity": {"value": 192, "unit": "mm[Hg]"},
    "note": "CANARY three in a row",
}


@dataclass
class Platform:
    """`nurse` gives the visit of `arranged` and signs in; `grant` covers everyone until it is taken back. An alert is
    raised a second after the one before.
    """

    unit_of_work: UnitOfWork
    clock: FixedClock
    actor: Actor
    admin: AccountId
    arranged: Arranged
    grant: GrantId
    _told: int = 0

    @property
    def nurse(self) -> Actor:
        return self.arranged.clinician

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def report(self, severity: Severity = Severity.HIGH, **more: Any) -> Report:
        self._told += 1
        self.clock.advance(timedelta(seconds=1))
        known: dict[str, Any] = {
            "identifier": f"alert-{self._told}",
            "patient_id": self.arranged.patient_id,
            "device": CUFF,
            "code": SYSTOLIC,
            "severity": severity,
            "raised_at": self.now,
        }
        return Report(**{**known, **more})

    def body(self, **more: Any) -> dict[str, Any]:
        told = {"patient_id": str(self.arranged.patient_id), "raised_at": self.now.isoformat()}
        return {**BODY, **told, **more}

    async def tell(self, severity: Severity = Severity.HIGH, **more: Any) -> Alert:
        return await self.take(self.report(severity, **more))

    async def take(self, told: Report) -> Alert:
        return await self.unit_of_work.run(service.take, self.actor, told)

    async def over(self, alert: Alert) -> Alert:
        return await self.unit_of_work.run(service.resolve, self.actor, alert.id)

    async def fire(self) -> None:
        await fire_due(work_of(self.unit_of_work))

    async def task(self, alert: Alert) -> FollowUp:
        assert alert.task_id is not None
        return await self.unit_of_work.run(tasks.follow_up, SYSTEM, alert.task_id)

    async def tasks(self) -> list[FollowUp]:
        found = await self.unit_of_work.run(tasks.follow_ups, SYSTEM, statuses=list(TaskStatus))
        return sorted(found, key=lambda each: each.id)

    async def history(self, task: FollowUp) -> list[Step]:
        return await self.unit_of_work.run(tasks.steps, SYSTEM, task.id)

    async def permit(self, patients: Patients = EVERYONE, kind: DataKind = DataKind.ALERTS) -> GrantId:
        return await self.unit_of_work.run(_grant, SYSTEM, self.actor, self.admin, (patients, kind))

    async def revoke(self) -> None:
        admin = Actor(self.admin, Role.ADMIN, SCOPES[Role.ADMIN])
        await self.unit_of_work.run(access.revoke_grant, admin, self.grant)

    async def traces(self) -> list[tuple[str, str, str, str]]:
        """Action, entity, purpose and outcome of what the platform did, oldest first."""

        async def look(unit: Unit) -> list[tuple[str, str, str, str]]:
            row = AuditRow
            query = select(row.action, row.entity, row.purpose, row.outcome).where(row.actor_id == self.actor.id)
            return [tuple(each) for each in await unit.session.execute(query.order_by(row.position))]  # type: ignore[misc]

        return await self.unit_of_work.run(look)

    async def moved(self) -> list[UUID]:
        """The alerts that the house has given another task, as the log has it."""

        async def look(unit: Unit) -> list[UUID]:
            row = AuditRow
            ours = row.entity == "device_alert", row.action == "update", row.role == Role.SYSTEM
            return [each for each in await unit.session.scalars(select(row.entity_id).where(*ours)) if each]

        return await self.unit_of_work.run(look)

    async def scalar(self, words: str) -> Any:
        async def read(unit: Unit) -> Any:
            return await unit.session.scalar(text(words))

        return await self.unit_of_work.run(read)

    async def waits(self) -> bool:
        """Whether somebody waits for another in the database."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(await self.scalar(query))

    async def change(self, words: str, **values: Any) -> None:
        async def write(unit: Unit) -> None:
            await unit.session.execute(text(words), values)

        await self.unit_of_work.run(write)


async def another_patient(unit: Unit) -> Arranged:
    return await arrange_visit(unit)


async def set_up(unit_of_work: UnitOfWork, clock: FixedClock) -> Platform:
    arranged = await unit_of_work.run(arrange_visit)
    actor, admin, grant = await unit_of_work.run(_opened, SYSTEM, arranged)
    return Platform(unit_of_work, clock, actor, admin, arranged, grant)


async def second_platform(first: Platform) -> Platform:
    """Of another maker, of the same patient."""
    actor = await first.unit_of_work.run(_integration, SYSTEM)
    grant = await first.unit_of_work.run(_grant, SYSTEM, actor, first.admin, (EVERYONE, DataKind.ALERTS))
    return replace(first, actor=actor, grant=grant)


async def _opened(unit: Unit, arranged: Arranged) -> tuple[Actor, AccountId, GrantId]:
    admin, clinician = AccountId(unit.new_id()), arranged.clinician
    made = {"password": "", "created_at": unit.now}
    unit.session.add(AccountRow(id=admin, email=f"{admin}@clinic.example", role=Role.ADMIN, **made))
    own = {"role": Role.CLINICIAN, "person_id": clinician.person_id, "email": "g@clinic.example"}
    unit.session.add(AccountRow(id=clinician.id, **own, **made))
    await unit.session.flush()
    actor = await _integration(unit)
    return actor, admin, await _grant(unit, actor, admin, (EVERYONE, DataKind.ALERTS))


async def _integration(unit: Unit) -> Actor:
    scopes = SCOPES[Role.INTEGRATION]
    added = await access.add_integration(unit, name="Cuffs", scopes=scopes, jwks=jwks_of(new_key()))
    return Actor(added.id, Role.INTEGRATION, scopes)


async def _grant(unit: Unit, actor: Actor, admin: AccountId, what: tuple[Patients, DataKind]) -> GrantId:
    given = await access.grant(
        unit,
        integration_id=IntegrationId(actor.id or uuid4()),
        purpose=Purpose.TREATMENT,
        data_kinds={what[1]},
        patients=what[0],
        valid_until=unit.now + timedelta(days=30),
        approved_by=admin,
    )
    return given.id

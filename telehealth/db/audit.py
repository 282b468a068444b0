"""The audit log: who used which data, for what, with what outcome. Append-only, in the same transaction as the use."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, bindparam, column, func, insert, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped

from telehealth.db.direct import Direct
from telehealth.db.tables import Table, plain


class AuditRow(Table):
    """One use of data, in the words of FHIR AuditEvent: agent, action, entity, purpose of event, outcome."""

    __tablename__ = "audit_event"

    position: Mapped[int] = plain(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = plain()
    actor_id: Mapped[UUID | None] = plain()
    role: Mapped[str] = plain()
    action: Mapped[str] = plain()
    entity: Mapped[str] = plain()
    entity_id: Mapped[UUID | None] = plain()
    patient_id: Mapped[UUID | None] = plain()
    purpose: Mapped[str] = plain()
    outcome: Mapped[str] = plain()
    request_id: Mapped[str | None] = plain()

    __table_args__ = (
        Index("ix_audit_event_patient_id_at", "patient_id", "at"),
        Index("ix_audit_event_actor_id_at", "actor_id", "at"),
    )


@dataclass(frozen=True, slots=True)
class Trace:
    """One row of the log to be, but for its position."""

    at: datetime
    actor_id: UUID | None
    role: str
    action: str
    entity: str
    entity_id: UUID | None
    patient_id: UUID | None
    purpose: str
    outcome: str
    request_id: str | None


NAMES = [each.name for each in fields(Trace)]


def _written() -> Direct:
    """One statement for any number of rows: a page of two hundred visits leaves as many traces."""
    columns = AuditRow.__table__.c
    arrays = [bindparam(name, type_=ARRAY(columns[name].type)) for name in NAMES]
    named = (column(name, columns[name].type) for name in NAMES)
    given = func.unnest(*arrays).table_valued(*named, with_ordinality="n").render_derived()
    rows = select(*(given.c[name] for name in NAMES)).order_by(given.c.n)
    return Direct(insert(AuditRow).inline().from_select(NAMES, rows))


WRITTEN = _written()


async def write(session: AsyncSession, traces: Sequence[Trace]) -> None:
    """Append the traces in their order."""
    if traces:
        await WRITTEN.run(session, {name: [getattr(each, name) for each in traces] for name in NAMES})

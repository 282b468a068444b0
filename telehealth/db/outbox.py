"""The outbox: what happened, written in the transaction in which it happened, delivered at least once afterwards."""

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped

from telehealth.core.events import Event
from telehealth.db.tables import Table, plain


class OutboxRow(Table):
    """`done_at` set: every subscriber has handled it. `parked_at` set: given up until someone re-drives it."""

    __tablename__ = "outbox"

    position: Mapped[int] = plain(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str] = plain()
    body: Mapped[dict[str, Any]] = plain()
    emitted_at: Mapped[datetime] = plain()
    due_at: Mapped[datetime] = plain()
    attempts: Mapped[int] = plain(server_default=text("0"))
    done_at: Mapped[datetime | None] = plain()
    parked_at: Mapped[datetime | None] = plain()
    fault: Mapped[str | None] = plain()

    __table_args__ = (Index("ix_outbox_due", "due_at", postgresql_where=text("done_at IS NULL AND parked_at IS NULL")),)


class HandledRow(Table):
    """One subscriber has handled one outbox row; written in the subscriber's own transaction."""

    __tablename__ = "outbox_handled"

    position: Mapped[int] = plain(BigInteger, ForeignKey("outbox.position"), primary_key=True)
    handler: Mapped[str] = plain(primary_key=True)
    handled_at: Mapped[datetime] = plain()


def to_body(event: Event) -> dict[str, Any]:
    """An event's fields as JSON values."""
    return {field.name: _to_json(getattr(event, field.name)) for field in fields(event)}


def _to_json(value: object) -> object:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case str() | int() | None:
            return value
        case _:
            raise TypeError(f"an event field may not be a {type(value).__name__}")

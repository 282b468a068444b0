"""Answers kept for Idempotency-Key: the same key and request give the stored answer, byte for byte."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, phi, plain


class IdempotencyRow(Table):
    """`answer` is null while the first request is still running in its own transaction."""

    __tablename__ = "idempotency_key"

    actor_id: Mapped[UUID] = plain(primary_key=True)
    key: Mapped[str] = plain(primary_key=True)
    fingerprint: Mapped[bytes] = plain(LargeBinary)
    status: Mapped[int | None] = plain()
    answer: Mapped[bytes | None] = phi(LargeBinary)
    created_at: Mapped[datetime] = plain(index=True)

"""Tables of video. A call leaves no rows but the tickets that opened it; rooms live elsewhere."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, plain


class TicketRow(Table):
    """One way into the signalling of one visit. `holder_id` is a participant or an account, by `role`.

    `secret` is SHA-256 of 256 random bits: nothing to guess from.
    """

    __tablename__ = "video_ticket"

    id: Mapped[UUID] = plain(primary_key=True)
    secret: Mapped[bytes] = plain(LargeBinary)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    role: Mapped[str] = plain()
    holder_id: Mapped[UUID] = plain()
    person_id: Mapped[UUID] = plain()
    expires_at: Mapped[datetime] = plain(index=True)
    used_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("secret"),
        CheckConstraint("role IN ('clinician', 'patient')", name="side"),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {}

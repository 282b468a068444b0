"""The ledger of messages: who was told what, and whether a mail server or gateway took it. Texts are not kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, phi, plain
from telehealth.notifications.rules import MessageState

STATES = ", ".join(f"'{state}'" for state in MessageState)


class MessageRow(Table):
    """`subject_id` is a visit, a task, an alert, an offer or a summary; `visit_at` is when the visit was to begin.

    `fault` is a code of the mail server or gateway, or the name of a fault, never a text.
    """

    __tablename__ = "message"

    id: Mapped[UUID] = plain(primary_key=True)
    kind: Mapped[str] = plain()
    channel: Mapped[str] = plain()
    subject_id: Mapped[UUID] = plain()
    recipient_role: Mapped[str] = plain()
    recipient_id: Mapped[UUID] = phi()
    due_at: Mapped[datetime] = phi()
    visit_at: Mapped[datetime | None] = phi()
    state: Mapped[str] = plain()
    attempt: Mapped[int] = plain(server_default=text("0"))
    next_attempt_at: Mapped[datetime] = plain()
    fault: Mapped[str | None] = plain()
    settled_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("kind", "channel", "subject_id", "recipient_id", "due_at", name="uq_message_once"),
        CheckConstraint(f"state IN ({STATES})", name="state"),
        Index("ix_message_subject_id", "subject_id"),
        Index("ix_message_due", "next_attempt_at", postgresql_where=text("state IN ('pending', 'sending')")),
    )

"""The ledger of messages: who was told what, and whether a mail server or gateway took it. Texts are not kept.

Beside it the addresses that messages to patients and companions go to, what people wish of them, and the words that
administrators have written.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal, Stale
from telehealth.db.tables import Table, phi, pii, plain
from telehealth.notifications.kinds import Purpose
from telehealth.notifications.rules import MessageState

STATES = ", ".join(f"'{state}'" for state in MessageState)
STUCK = "state = 'dead' OR (state IN ('pending', 'sending') AND fault IS NOT NULL)"
UNDER_WAY, PENDING = "state IN ('pending', 'sending')", "state = 'pending'"
DELIVERED, UNDELIVERED = "delivered", "undelivered"
ALL_PURPOSES = ", ".join(f"'{purpose}'" for purpose in Purpose)


class MessageRow(Table):
    """`subject_id` is a visit, a task, an alert, an offer, a summary or questions; `visit_at` is as in `rules.Message`.

    `tries` are as in `rules.Message`; until `patient_until` it waits for a provider that is away, then another channel
    may have it. `fault` is a code of the mail server or gateway, or the name of a fault, never a text. `override` says
    why it goes to an address at which it was stopped. `receipt` is what was said later of what had been
    taken.
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
    tries: Mapped[int] = plain(server_default=text("0"))
    next_attempt_at: Mapped[datetime] = plain()
    patient_until: Mapped[datetime | None] = plain()
    fault: Mapped[str | None] = plain()
    settled_at: Mapped[datetime | None] = plain()
    address_id: Mapped[UUID | None] = phi(ForeignKey("message_address.id"))
    override: Mapped[str | None] = plain()
    receipt: Mapped[str | None] = plain()
    receipt_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("kind", "channel", "subject_id", "recipient_id", "due_at", name="uq_message_once"),
        CheckConstraint(f"state IN ({STATES})", name="state"),
        CheckConstraint(f"receipt IN ('{DELIVERED}', '{UNDELIVERED}')", name="receipt"),
        Index("ix_message_subject_id", "subject_id"),
        Index("ix_message_channel_due", "channel", "next_attempt_at", postgresql_where=text(UNDER_WAY)),
        Index("ix_message_patience", "channel", "patient_until", postgresql_where=text(PENDING)),
        Index("ix_message_arrived", "address_id", "settled_at", postgresql_where=text("state IN ('sending', 'sent')")),
        Index("ix_message_stuck", "due_at", "id", postgresql_where=text(STUCK)),
        Index("ix_message_ahead", "recipient_id", postgresql_where=text(PENDING)),
    )


class AttemptRow(Table):
    """What came of one attempt to send a message: `code` is of the server or gateway, or the name of a fault."""

    __tablename__ = "message_attempt"

    message_id: Mapped[UUID] = plain(ForeignKey("message.id"), primary_key=True)
    attempt: Mapped[int] = plain(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = plain()
    channel: Mapped[str] = plain()
    outcome: Mapped[str] = plain()
    code: Mapped[str | None] = plain()


class AddressRow(Table):
    """A mail address in lower case, or a number (E.164), whoever uses it. `secret` leads to what is stopped there.

    Nothing arrives there since `failed_at`; `task_id` is the desk's task that says so, about a visit of `patient_id`.
    """

    __tablename__ = "message_address"

    id: Mapped[UUID] = plain(primary_key=True)
    channel: Mapped[str] = plain()
    address: Mapped[str] = pii()
    secret: Mapped[bytes] = pii()
    secret_hash: Mapped[bytes] = plain(unique=True)
    known_since: Mapped[datetime] = plain()
    failed_at: Mapped[datetime | None] = plain()
    fault: Mapped[str | None] = plain()
    task_id: Mapped[UUID | None] = plain()
    patient_id: Mapped[UUID | None] = phi()

    __table_args__ = (
        UniqueConstraint("channel", "address"),
        Index("ix_message_address_patient_id", "patient_id", postgresql_where=text("patient_id IS NOT NULL")),
    )


class StopRow(Table):
    """No messages of that purpose to that address. To want them again takes the row away; the audit log has both."""

    __tablename__ = "message_stop"

    address_id: Mapped[UUID] = pii(ForeignKey("message_address.id"), primary_key=True)
    purpose: Mapped[str] = plain(primary_key=True)
    said_by: Mapped[str] = plain()
    stopped_at: Mapped[datetime] = plain()

    __table_args__ = (CheckConstraint(f"purpose IN ({ALL_PURPOSES})", name="purpose"),)


class PreferenceRow(Table):
    """The channel that a patient wants messages of that purpose to take first."""

    __tablename__ = "message_preference"

    patient_id: Mapped[UUID] = phi(primary_key=True)
    purpose: Mapped[str] = plain(primary_key=True)
    channel: Mapped[str] = plain()
    preferred_at: Mapped[datetime] = plain()

    __table_args__ = (CheckConstraint(f"purpose IN ({ALL_PURPOSES})", name="purpose"),)


class MessageTextRow(Table):
    """One version of the words of a message in one language; one is in force, or none: then the catalogue's are."""

    __tablename__ = "message_text"

    id: Mapped[UUID] = plain(primary_key=True)
    kind: Mapped[str] = plain()
    whom: Mapped[str] = plain()
    channel: Mapped[str] = plain()
    language: Mapped[str] = plain()
    version: Mapped[int] = plain()
    subject: Mapped[str] = plain()
    body: Mapped[str] = plain()
    published_at: Mapped[datetime] = plain()
    published_by: Mapped[UUID | None] = plain()
    retired_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("kind", "whom", "channel", "language", "version", name="uq_message_text_version"),
        Index(
            "uq_message_text_in_force",
            *("kind", "whom", "channel", "language"),
            unique=True,
            postgresql_where=text("retired_at IS NULL"),
        ),
    )


class ProviderRow(Table):
    """What all workers know together of the provider behind a channel: whether it is away (`limits.Standing`), and the
    tokens that are left of its rate.
    """

    __tablename__ = "message_provider"

    channel: Mapped[str] = plain(primary_key=True)
    failures: Mapped[int] = plain(server_default=text("0"))
    probe_at: Mapped[datetime | None] = plain()
    not_before: Mapped[datetime | None] = plain()
    failed_for: Mapped[UUID | None] = phi()
    tokens: Mapped[float] = plain(server_default=text("0"))
    filled_at: Mapped[datetime | None] = plain()


class TextedBackRow(Table):
    """A text that came back, by the gateway's own name for it, so that it counts once. What it says is not kept."""

    __tablename__ = "message_texted_back"

    gateway_id: Mapped[str] = plain(primary_key=True)
    address_id: Mapped[UUID] = pii(ForeignKey("message_address.id"), index=True)
    meant: Mapped[str] = plain()
    at: Mapped[datetime] = plain()


class DeviceRow(Table):
    """A browser that shows notifications for one person. `subscription` is where they go and what seals them; nothing
    is taken there since `gone_at`, until the browser tells another place.
    """

    __tablename__ = "push_device"

    id: Mapped[UUID] = plain(primary_key=True)
    role: Mapped[str] = plain()
    person_id: Mapped[UUID] = phi()
    endpoint_hash: Mapped[bytes] = plain(unique=True)
    subscription: Mapped[bytes] = pii()
    asked_at: Mapped[datetime] = plain()
    gone_at: Mapped[datetime | None] = plain()

    __table_args__ = (Index("ix_push_device_person_id", "person_id"),)


CONFLICTS: Mapping[str, type[Refusal]] = {"uq_message_text_version": Stale, "uq_message_text_in_force": Stale}

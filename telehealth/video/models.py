"""Tables of video: tickets into calls, what was said there, how they went, where media live. Rooms live elsewhere."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, Uuid, text
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, phi, plain


class TicketRow(Table):
    """One way into the signalling of one visit, for one participant of it.

    `holder_id` is the actor who asked: a participant or an account, by `role`; a companion has no `person_id`.
    `secret` is SHA-256 of 256 random bits: nothing to guess from. `polled_until` is set for a conversation by long
    polling, which the ticket goes on to open.
    """

    __tablename__ = "video_ticket"

    id: Mapped[UUID] = plain(primary_key=True)
    secret: Mapped[bytes] = plain(LargeBinary)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    role: Mapped[str] = plain()
    holder_id: Mapped[UUID] = plain()
    person_id: Mapped[UUID | None] = plain()
    participant_id: Mapped[UUID | None] = plain(ForeignKey("participant.id"))
    expires_at: Mapped[datetime] = plain(index=True)
    used_at: Mapped[datetime | None] = plain()
    polled_until: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("secret"),
        CheckConstraint("role IN ('clinician', 'patient', 'guest')", name="side"),
    )


class ChatMessageRow(Table):
    """What somebody wrote in a call; `body` is sealed. `session` and `number` are the command that said it.

    `heard_by` are the participants who were inside, the one who wrote it among them.
    """

    __tablename__ = "chat_message"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    participant_id: Mapped[UUID] = plain(ForeignKey("participant.id"))
    kind: Mapped[str] = plain()
    session: Mapped[str] = plain()
    number: Mapped[int] = plain(BigInteger)
    at: Mapped[datetime] = plain()
    body: Mapped[bytes] = phi(LargeBinary)
    heard_by: Mapped[list[UUID]] = plain(ARRAY(Uuid))

    __table_args__ = (
        UniqueConstraint("visit_id", "session", "number"),
        Index("ix_chat_message_visit_id_at", "visit_id", "at"),
    )


class CallMinuteRow(Table):
    """What one participant received in one minute of a call: sums over that many reports, and the worst of them."""

    __tablename__ = "call_minute"

    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), primary_key=True)
    participant_id: Mapped[UUID] = plain(ForeignKey("participant.id"), primary_key=True)
    minute: Mapped[datetime] = plain(primary_key=True)
    reports: Mapped[int] = plain()
    relayed: Mapped[int] = plain()
    rtt_ms: Mapped[int] = plain()
    worst_rtt_ms: Mapped[int] = plain()
    loss: Mapped[float] = plain()
    worst_loss: Mapped[float] = plain()
    frozen_ms: Mapped[int] = plain()

    __table_args__ = (CheckConstraint("reports > 0", name="reports"),)


class MediaNodeRow(Table):
    """A media node as it last reported."""

    __tablename__ = "media_node"

    name: Mapped[str] = plain(primary_key=True)
    url: Mapped[str] = plain()
    reported_at: Mapped[datetime] = plain()
    load: Mapped[float] = plain()
    draining: Mapped[bool] = plain(server_default=text("false"))


class MediaLeaseRow(Table):
    """The place of a visit's room on a media node; kept when released, because epochs only rise."""

    __tablename__ = "media_lease"

    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), primary_key=True)
    node: Mapped[str] = plain()
    epoch: Mapped[int] = plain()
    expires_at: Mapped[datetime] = plain()
    released: Mapped[bool] = plain(server_default=text("false"))

    __table_args__ = (
        CheckConstraint("epoch > 0", name="epoch"),
        Index("ix_media_lease_expires_at_live", "expires_at", postgresql_where=text("NOT released")),
    )


class Taken:
    """What recordings and captions have alike. `renewed_at` is when it was last told to go on, None: it never began.
    `why` and `stopped_by` tell how it ended.
    """

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    asked_by: Mapped[UUID] = plain(ForeignKey("participant.id"))
    asked_at: Mapped[datetime] = plain()
    started_at: Mapped[datetime | None] = plain()
    renewed_at: Mapped[datetime | None] = plain()
    stopped_at: Mapped[datetime | None] = plain()
    stopped_by: Mapped[UUID | None] = plain(ForeignKey("participant.id"))
    why: Mapped[str | None] = plain()


class Agreed:
    """What a participant said to one of them; without `given_at` they never agreed."""

    participant_id: Mapped[UUID] = plain(ForeignKey("participant.id"), primary_key=True)
    given_at: Mapped[datetime | None] = plain()
    withdrawn_at: Mapped[datetime | None] = plain()


class RecordingRow(Taken, Table):
    """A recording of a call. `data_key` is what its files are sealed with, itself sealed; gone with the files.
    `delete_after` is when it is deleted.
    """

    __tablename__ = "recording"

    data_key: Mapped[bytes | None] = phi(LargeBinary)
    delete_after: Mapped[datetime | None] = plain()
    deleted_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        CheckConstraint("why IN ('stopped', 'declined', 'over')", name="why"),
        CheckConstraint("(stopped_at IS NULL) = (why IS NULL)", name="ending"),
        Index("ix_recording_visit_id", "visit_id"),
        Index("ix_recording_asked_at_open", "asked_at", postgresql_where=text("stopped_at IS NULL")),
        Index("ix_recording_delete_after_kept", "delete_after", postgresql_where=text("deleted_at IS NULL")),
    )


class RecordingConsentRow(Agreed, Table):
    """To a recording."""

    __tablename__ = "recording_consent"

    taking_id: Mapped[UUID] = plain("recording_id", ForeignKey("recording.id"), primary_key=True)


class RecordingTrackRow(Table):
    """A file of a recording, as the media node told of it last: `head` is that of its chain (core/sealed.py)."""

    __tablename__ = "recording_track"

    file: Mapped[UUID] = plain(primary_key=True)
    recording_id: Mapped[UUID] = plain(ForeignKey("recording.id"), index=True)
    participant_id: Mapped[UUID] = plain(ForeignKey("participant.id"))
    kind: Mapped[str] = plain()
    number: Mapped[int] = plain()
    codec: Mapped[str] = plain()
    offset_ms: Mapped[int] = plain(BigInteger)
    duration_ms: Mapped[int] = plain(BigInteger)
    chunks: Mapped[int] = plain()
    octets: Mapped[int] = plain(BigInteger)
    head: Mapped[str] = plain()


class CaptioningRow(Taken, Table):
    """A call was captioned: when, at whose wish, how it ended. What was said is kept nowhere."""

    __tablename__ = "captioning"

    __table_args__ = (
        CheckConstraint("why IN ('stopped', 'declined', 'over')", name="why"),
        CheckConstraint("(stopped_at IS NULL) = (why IS NULL)", name="ending"),
        Index("ix_captioning_visit_id", "visit_id"),
        Index("ix_captioning_asked_at_open", "asked_at", postgresql_where=text("stopped_at IS NULL")),
    )


class CaptioningConsentRow(Agreed, Table):
    """To captions."""

    __tablename__ = "captioning_consent"

    taking_id: Mapped[UUID] = plain("captioning_id", ForeignKey("captioning.id"), primary_key=True)


class MediaCredentialRow(Table):
    """What a device sends with by WHIP, or an observer receives with by WHEP: made by the host, for one participant.

    `secret` is SHA-256 of 256 random bits. It is used up (`ended_at`) when its holder ends what they began.
    `session_id` names the connection it has now; `seat`, `url`, `epoch` and `ice` tell of it once a media node has
    answered: the session of its seat in the room, its place, and how many ICE sessions it has had. `ice` 0: it is to
    end, since `opened_at`, and the media node could not be told yet.
    """

    __tablename__ = "media_credential"

    participant_id: Mapped[UUID] = plain(ForeignKey("participant.id"), primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), index=True)
    kind: Mapped[str] = plain()
    secret: Mapped[bytes] = plain(LargeBinary, unique=True)
    made_by: Mapped[UUID] = plain()
    made_at: Mapped[datetime] = plain()
    expires_at: Mapped[datetime] = plain()
    ended_at: Mapped[datetime | None] = plain()
    session_id: Mapped[UUID | None] = plain(unique=True)
    opened_at: Mapped[datetime | None] = plain()
    seat: Mapped[str | None] = plain()
    url: Mapped[str | None] = plain()
    epoch: Mapped[int | None] = plain()
    ice: Mapped[int | None] = plain()

    __table_args__ = (
        CheckConstraint("kind IN ('device', 'observer')", name="kind"),
        CheckConstraint("(session_id IS NULL) = (opened_at IS NULL)", name="session"),
        CheckConstraint("num_nonnulls(seat, url, epoch, ice) IN (0, 4)", name="place"),
        CheckConstraint("session_id IS NOT NULL OR epoch IS NULL", name="placed"),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {}

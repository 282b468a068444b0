"""Who was asked to choose a time, and what patients said who gave theirs up."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ForeignKey, LargeBinary, Uuid, text
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, phi, plain


class BookingInvitationRow(Table):
    """A patient is asked to choose a time. The link is kept as a participant's is; `session` is the hash of the secret
    of whoever passed the identity step last, `visit_id` what was booked: an invitation is good for one visit.
    """

    __tablename__ = "booking_invitation"

    id: Mapped[UUID] = plain(primary_key=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"), index=True)
    visit_type_id: Mapped[UUID] = phi(ForeignKey("visit_type.id"))
    clinician_ids: Mapped[list[UUID]] = plain(ARRAY(Uuid), server_default=text("'{}'"))
    created_at: Mapped[datetime] = plain()
    expires_at: Mapped[datetime] = plain()
    link_hash: Mapped[bytes] = plain(LargeBinary, unique=True)
    link: Mapped[bytes] = phi(LargeBinary)
    attempts: Mapped[int] = plain(server_default=text("0"))
    locked_until: Mapped[datetime | None] = plain()
    verified_at: Mapped[datetime | None] = plain()
    session: Mapped[bytes | None] = plain(LargeBinary, unique=True)
    visit_id: Mapped[UUID | None] = plain(ForeignKey("visit.id"))


class CalledOffRow(Table):
    """What a patient said when they cancelled their visit themselves, sealed. Who said nothing has no row."""

    __tablename__ = "called_off"

    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), primary_key=True)
    at: Mapped[datetime] = plain()
    words: Mapped[bytes] = phi(LargeBinary)

"""Credentials for devices and observers: the host makes and takes back, their holders open one connection with them."""

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select

from telehealth.core.actors import Actor, Purpose, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.db.unit import Unit
from telehealth.video.credential import (
    DIES_OUT,
    Credential,
    CredentialInUse,
    CredentialInvalid,
    Placed,
    Session,
    Shown,
    check,
    fits,
)
from telehealth.video.models import MediaCredentialRow
from telehealth.video.service import Entry, may_enter, open_call, own_part
from telehealth.visits.lifecycle import queries as visit_rows
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.rules import IN_CALL
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants import service as company
from telehealth.visits.participants.rules import INVITABLE

ENDING = 0  # ICE sessions, of a connection that nobody answers for any more


@dataclass(frozen=True, slots=True)
class Made:
    """`secret` is shown once and stored hashed."""

    credential: Credential
    secret: str


async def make(unit: Unit, visit_id: UUID, kind: ParticipantKind, *, name: str, life: timedelta) -> Made:
    """The host lets a device or an observer into the visit by a credential of its own.

    Raises NotFound, NotToBeInvited, TooManyInvited.
    """
    visit = await visits.open_visit(unit, visit_id, action="execute")
    await own_part(unit, visit)
    theirs = await company.let_in_by_credential(unit, visit_id, kind, name)
    secret = secrets.token_urlsafe(32)
    row = MediaCredentialRow(
        participant_id=theirs.id,
        visit_id=visit.id,
        kind=kind,
        secret=_hashed(secret),
        made_by=unit.actor.id,
        made_at=unit.now,
        expires_at=unit.now + life,
    )
    unit.session.add(row)
    unit.audit("create", "media-credential", theirs.id, patient_id=visit.patient_id)
    return Made(_credential(row), secret)


async def revoke(unit: Unit, visit_id: UUID, participant_id: UUID) -> Credential:
    """The host takes it back, and puts out whoever holds it. Raises NotFound."""
    visit = await visits.open_visit(unit, visit_id, action="execute")
    await own_part(unit, visit)
    row = await unit.session.get(MediaCredentialRow, participant_id, with_for_update=True)
    if row is None or row.visit_id != visit.id:
        raise NotFound
    theirs = await company.put_out(unit, visit_id, participant_id)
    row.ended_at = row.ended_at or unit.now
    unit.audit("delete", "media-credential", theirs.id, patient_id=visit.patient_id)
    return _credential(row)


async def presented(unit: Unit, shown: Shown) -> Credential:
    """What somebody wants to open a connection with. Raises CredentialInvalid."""
    held = await _of_secret(unit, shown.secret)
    check(held, shown, unit.now)
    return held


async def claim(unit: Unit, held: Credential, session_id: UUID) -> tuple[Entry, Credential]:
    """Begin a connection of that name in place of the one before; of two who do at once, one. Who it is, and the
    credential as it is then.

    Raises CredentialInvalid, CredentialInUse, NotAdmitted, VisitOver.
    """
    row = await _locked(unit, held)
    if row.session_id != (held.session.id if held.session else None):
        raise CredentialInUse(retry_after=5)
    entry = await _entered(unit, held)
    _forget(row)
    row.session_id, row.opened_at = session_id, unit.now
    return entry, _credential(row)


async def settle(unit: Unit, held: Credential) -> None:
    """A media node has answered, at its place. Raises CredentialInvalid when it was taken back meanwhile."""
    row, session = await _locked(unit, held), held.session
    if session is None or session.placed is None or row.session_id != session.id or row.ended_at is not None:
        raise CredentialInvalid
    placed = session.placed
    row.seat, row.url, row.epoch, row.ice = placed.seat, placed.url, placed.epoch, placed.ice
    visit = await visit_rows.find(unit, row.visit_id)
    theirs = replace(unit, actor=_actor(held))
    theirs.audit("create", "media-session", row.participant_id, patient_id=visit.patient_id)


async def of_session(unit: Unit, shown: Shown, session_id: UUID) -> Credential:
    """The credential of that connection, which goes on. Raises CredentialInvalid, NotFound."""
    held = await _of_secret(unit, shown.secret)
    if not fits(held, shown):
        raise CredentialInvalid
    if held.session is None or held.session.id != session_id or held.session.ending_since is not None:
        raise NotFound
    return held


async def note_restart(unit: Unit, held: Credential) -> int:
    """Its ICE has been restarted: how many sessions of ICE it has had. Raises NotFound."""
    row = await _locked(unit, held)
    if held.session is None or row.session_id != held.session.id or not row.ice:
        raise NotFound
    row.ice += 1
    return row.ice


async def postpone(unit: Unit, held: Credential, *, used_up: bool = False) -> bool:
    """Its connection is to end, and its media node cannot be told: nobody answers for it from now on. False when it has
    died out by that, or is another's already.
    """
    row = await _locked(unit, held)
    if held.session is None or held.session.placed is None or row.session_id != held.session.id:
        return False
    if used_up:
        row.ended_at = row.ended_at or unit.now
    if row.ice != ENDING:
        placed = held.session.placed
        row.seat, row.url, row.epoch, row.ice = placed.seat, placed.url, placed.epoch, ENDING
        row.opened_at = unit.now
    return row.opened_at is not None and unit.now - row.opened_at <= DIES_OUT


async def clear(unit: Unit, held: Credential, *, used_up: bool = False) -> bool:
    """Its connection is over; `used_up`: so is the credential, and whoever held it is out and takes nobody's place.
    False when it had begun another meanwhile.
    """
    row = await unit.session.get(MediaCredentialRow, held.participant, with_for_update=True)
    if row is None or held.session is None or row.session_id != held.session.id:
        return False
    _forget(row)
    if used_up:
        await _put_out(unit, row)
    visit = await visit_rows.find(unit, row.visit_id)
    unit.audit("update", "media-session", row.participant_id, patient_id=visit.patient_id)
    return True


async def put_out_expired(unit: Unit) -> int:
    """Whoever holds one that has expired without a connection takes nobody's place any more. How many these were."""
    row, found = MediaCredentialRow, 0
    idle = row.ended_at.is_(None) & row.session_id.is_(None) & (row.expires_at <= unit.now)
    query = select(row).where(idle).order_by(row.participant_id).with_for_update(skip_locked=True)
    for each in await unit.session.scalars(query):
        await _put_out(unit, each)
        found += 1
    return found


async def with_sessions(unit: Unit) -> list[Credential]:
    """All that have a connection."""
    return await _where(unit, MediaCredentialRow.session_id.is_not(None))


async def entry_of(unit: Unit, held: Credential) -> tuple[Entry, bool]:
    """Its holder as somebody of the call, and whether the visit still lets them in. Ids alone leave no trace."""
    visit = await visit_rows.find(unit, held.visit_id)
    entry = Entry(visit, _actor(held), held.who)
    try:
        theirs = await participants.participant(unit, held.participant)
    except NotFound:
        return entry, False
    return entry, visit.status in IN_CALL and may_enter(theirs)


async def _put_out(unit: Unit, row: MediaCredentialRow) -> None:
    """Out of a visit that goes on; where one is over everybody stays as they were."""
    row.ended_at = row.ended_at or unit.now
    visit = await visit_rows.find(unit, row.visit_id)
    if visit.status in INVITABLE:
        with suppress(NotFound):  # out already
            await company.put_out(unit, visit.id, row.participant_id)


async def _entered(unit: Unit, held: Credential) -> Entry:
    actor = _actor(held)
    try:
        visit, theirs = await open_call(replace(unit, actor=actor), held.visit_id)
    except NotFound:
        raise CredentialInvalid from None
    return Entry(visit, actor, replace(held.who, participant=theirs.id))


def _actor(held: Credential) -> Actor:
    return Actor(held.participant, Role.GUEST, visit_id=held.visit_id, purpose=Purpose.TREATMENT)


async def _of_secret(unit: Unit, secret: str) -> Credential:
    found = await _where(unit, MediaCredentialRow.secret == _hashed(secret))
    if not found:
        raise CredentialInvalid
    return found[0]


async def _where(unit: Unit, which: ColumnElement[bool]) -> list[Credential]:
    rows = select(MediaCredentialRow).where(which).order_by(MediaCredentialRow.participant_id)
    return [_credential(row) for row in await unit.session.scalars(rows)]


async def _locked(unit: Unit, held: Credential) -> MediaCredentialRow:
    row = await unit.session.get(MediaCredentialRow, held.participant, with_for_update=True)
    if row is None:
        raise CredentialInvalid
    return row


def _credential(row: MediaCredentialRow) -> Credential:
    return Credential(
        participant=ParticipantId(row.participant_id),
        kind=ParticipantKind(row.kind),
        visit_id=VisitId(row.visit_id),
        expires_at=row.expires_at,
        ended=row.ended_at is not None,
        session=_session(row),
    )


def _session(row: MediaCredentialRow) -> Session | None:
    if row.session_id is None or row.opened_at is None:
        return None
    placed = None
    if row.seat is not None and row.url is not None and row.epoch is not None and row.ice is not None:
        placed = Placed(seat=row.seat, url=row.url, epoch=row.epoch, ice=row.ice)
    ending_since = row.opened_at if row.ice == ENDING else None
    return Session(id=row.session_id, opened_at=row.opened_at, placed=placed, ending_since=ending_since)


def _forget(row: MediaCredentialRow) -> None:
    row.session_id = row.opened_at = row.seat = row.url = row.epoch = row.ice = None


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

"""Commands on notes: saved while typed, frozen by a signature, amended and retracted by more of them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId, NoteId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.records.notes.amendments import (
    DocumentStatus,
    Relation,
    affected,
    current,
    heading,
    retractable,
    target,
    words_of,
)
from telehealth.records.notes.events import CosignatureChanged, NoteEvent, NoteSigned
from telehealth.records.notes.markdown import only_headings
from telehealth.records.notes.models import CosignatureRow, NoteRow, NoteStandingRow, NoteVersionRow
from telehealth.records.notes.queries import SignedVersion, authored_visit, history, signed_text, told
from telehealth.records.notes.rules import (
    SIGNABLE,
    TITLES,
    AlreadySigned,
    AwaitsCosignature,
    CosignatureState,
    Cosigned,
    NoteKind,
    NoteState,
    NothingToSign,
    NotSigned,
    NotToBeSigned,
    render,
)
from telehealth.records.notes.wording import cleaned
from telehealth.visits.lifecycle.rules import Visit


async def save_draft(unit: Unit, visit_id: UUID, *, version: int, content: str, kind: NoteKind) -> None:
    """Save over that version, 0 for the first. Raises NotFound, Stale when it is not the latest, AlreadySigned."""
    visit = await authored_visit(unit, visit_id, action="update")
    row = await locked_note(unit, visit)
    if row is None:
        if version != 0:
            raise Stale
        row = _first(unit, visit)
        unit.session.add(row)
    elif row.state != NoteState.DRAFT:
        raise AlreadySigned if row.state == NoteState.SIGNED else AwaitsCosignature
    elif row.revision != version:
        raise Stale
    row.kind = kind
    _write(unit, row, content, revision=version + 1)
    await unit.session.flush()


@dataclass(frozen=True, slots=True)
class Signature:
    """Whose words they are and since when, and who answers for them if that is another."""

    author_id: ClinicianId
    author_name: str
    signed_at: datetime
    cosigned: Cosigned | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A trainee has signed: one of these has to co-sign before the note is final."""

    supervisors: tuple[ClinicianId, ...]


async def freeze(unit: Unit, visit_id: UUID, *, version: int) -> SignedVersion | Asked | None:
    """Sign that version; None when it is signed already. What a trainee signs is not final yet.

    Raises NotFound, Stale, NotToBeSigned before the visit has begun, NothingToSign.
    """
    visit = await authored_visit(unit, visit_id, action="execute")
    row = await locked_note(unit, visit)
    if row is None or row.revision != version:
        raise Stale
    if row.state != NoteState.DRAFT:
        return None
    if visit.status not in SIGNABLE:
        raise NotToBeSigned
    content = unit.vault.open(_place(row), row.content)
    if only_headings(cleaned(content)):
        raise NothingToSign
    earlier = await history(unit, row.id)
    relation = None if row.relation is None else Relation(row.relation)
    relates_to, author = target(earlier, relation), await people.clinician(unit, visit.clinician_id)
    signature = Signature(author.id, author.name, unit.now)
    if supervisors := await people.supervisors(unit, author.id):
        await _await_cosignature(unit, row, content, signature, version=len(earlier) + 1)
        return Asked(tuple(each.id for each in supervisors))
    row.state, row.relation = NoteState.SIGNED, None
    return await write_version(unit, row, visit, Step(earlier, relation, relates_to, content, signature))


async def amend(unit: Unit, visit_id: UUID, *, version: int, relation: Relation | None) -> None:
    """Begin an addendum (empty), a replacement (with the words in force) or, once retracted, a new text.

    It is drafted and signed as the first text was. Raises NotFound, Stale, NotSigned, NotToBeAmended.
    """
    row, _ = await _signed_note(unit, visit_id, version, action="update")
    earlier = await history(unit, row.id)
    target(earlier, relation)
    words = await _words_in_force(unit, earlier) if relation is Relation.REPLACES else ""
    row.state, row.relation = NoteState.DRAFT, relation
    _write(unit, row, words, revision=version + 1)
    await unit.session.flush()


async def discard(unit: Unit, visit_id: UUID, *, version: int) -> None:
    """Give up an amendment that is being drafted. Raises NotFound, Stale, AlreadySigned, AwaitsCosignature, NotSigned
    before the first signature: that draft is the note.
    """
    visit = await authored_visit(unit, visit_id, action="update")
    row = await locked_note(unit, visit)
    if row is None or row.revision != version:
        raise Stale
    if row.state != NoteState.DRAFT:
        raise AlreadySigned if row.state == NoteState.SIGNED else AwaitsCosignature
    earlier = await history(unit, row.id)
    if not earlier:
        raise NotSigned
    row.state, row.relation = NoteState.SIGNED, None
    _write(unit, row, await _words_in_force(unit, earlier), revision=version + 1)
    await unit.session.flush()


async def retract(unit: Unit, visit_id: UUID, *, version: int, signed: int, reason: str) -> SignedVersion:
    """Take a signed version back as entered in error: the text with all that belongs to it, or one addendum.

    Raises NotFound, Stale, NotSigned, NotToBeRetracted, NothingToSign without a reason.
    """
    row, visit = await _signed_note(unit, visit_id, version, action="execute")
    if not cleaned(reason).strip():
        raise NothingToSign
    earlier = await history(unit, row.id)
    author = await people.clinician(unit, visit.clinician_id)
    signature = Signature(author.id, author.name, unit.now)
    row.revision = version + 1
    step = Step(earlier, Relation.RETRACTS, retractable(earlier, signed), reason, signature)
    return await write_version(unit, row, visit, step)


async def _signed_note(unit: Unit, visit_id: UUID, version: int, *, action: str) -> tuple[NoteRow, Visit]:
    visit = await authored_visit(unit, visit_id, action=action)
    row = await locked_note(unit, visit)
    if row is None:
        raise NotFound
    if row.revision != version:
        raise Stale
    if row.state != NoteState.SIGNED:
        raise NotSigned
    return row, visit


async def _words_in_force(unit: Unit, earlier: Iterable[SignedVersion]) -> str:
    """The words of the text and its addenda, as the author wrote them."""
    versions = list(earlier)
    there = current(versions)
    texts = [await signed_text(unit, each.id) for each in versions if each.version in there]
    return "\n\n".join(map(words_of, texts))


async def locked_note(unit: Unit, visit: Visit) -> NoteRow | None:
    """To be changed by whoever gives the visit: it is theirs from now on, also when another began it."""
    row = await unit.session.scalar(select(NoteRow).where(NoteRow.visit_id == visit.id).with_for_update())
    if row is not None:
        row.clinician_id = visit.clinician_id
    return row


def _first(unit: Unit, visit: Visit) -> NoteRow:
    return NoteRow(
        id=unit.new_id(),
        visit_id=visit.id,
        patient_id=visit.patient_id,
        clinician_id=visit.clinician_id,
        state=NoteState.DRAFT,
        created_at=unit.now,
    )


def _place(row: NoteRow) -> tuple[str, str, UUID]:
    return ("note", "content", row.id)


def _write(unit: Unit, row: NoteRow, content: str, *, revision: int) -> None:
    row.content = unit.vault.seal(_place(row), cleaned(content))
    row.revision = revision
    row.saved_at = unit.now


async def _await_cosignature(unit: Unit, row: NoteRow, words: str, signature: Signature, *, version: int) -> None:
    asked = CosignatureRow(
        id=unit.new_id(),
        note_id=row.id,
        revision=row.revision,
        sha256=hashlib.sha256(words.encode()).hexdigest(),
        author_id=signature.author_id,
        author_name=signature.author_name,
        signed_at=signature.signed_at,
        state=CosignatureState.AWAITED,
    )
    asked.content = unit.vault.seal(("cosignature", "content", asked.id), words)
    row.state = NoteState.PRELIMINARY
    unit.session.add(asked)
    await unit.session.flush()
    unit.audit("create", "cosignature", asked.id, patient_id=row.patient_id)
    unit.emit(event_of(CosignatureChanged, row, version))


@dataclass(frozen=True, slots=True)
class Step:
    """The next signature: after which versions, what it is to which of them, its words, and whose it is."""

    earlier: list[SignedVersion]
    relation: Relation | None
    relates_to: int | None
    words: str
    signature: Signature


async def write_version(unit: Unit, row: NoteRow, visit: Visit, step: Step) -> SignedVersion:
    """The next version, final: it stands from now on, and whoever is told of signed notes is told."""
    kind, by = NoteKind(row.kind), step.signature
    text = render(
        heading(TITLES[kind], step.relation, step.relates_to),
        step.words,
        author_name=by.author_name,
        started_at=visit.started_at or visit.starts_at,
        signed_at=by.signed_at,
        cosigned=by.cosigned,
    )
    version = NoteVersionRow(
        id=unit.new_id(),
        note_id=row.id,
        version=len(step.earlier) + 1,
        kind=kind,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        author_id=by.author_id,
        author_name=by.author_name,
        signed_at=by.signed_at,
        relation=step.relation,
        relates_to=step.relates_to,
    )
    if by.cosigned is not None:
        version.cosigner_id, version.cosigner_name = by.cosigned.by, by.cosigned.name
        version.cosigned_at = by.cosigned.at
    version.content = unit.vault.seal(("note_version", "content", version.id), text)
    unit.session.add(version)
    await unit.session.flush()
    signed = told(version, row)
    await _stand(unit, step.earlier, signed)
    unit.emit(event_of(NoteSigned, row, signed.version))
    return signed


async def _stand(unit: Unit, earlier: list[SignedVersion], signed: SignedVersion) -> None:
    """What stands otherwise from now on."""
    changed = affected(earlier, signed)
    status = DocumentStatus.SUPERSEDED if signed.relation is Relation.REPLACES else DocumentStatus.ENTERED_IN_ERROR
    await unit.session.execute(
        update(NoteStandingRow)
        .where(NoteStandingRow.note_version_id.in_([each.id for each in earlier if each.version in changed]))
        .values(status=status, changed_at=unit.now)
    )
    if signed.relation is not Relation.RETRACTS:
        fresh = NoteStandingRow(note_version_id=signed.id, status=DocumentStatus.CURRENT, changed_at=unit.now)
        unit.session.add(fresh)
    await unit.session.flush()


def event_of(event: type[NoteEvent], row: NoteRow, version: int) -> NoteEvent:
    return event(
        note_id=NoteId(row.id),
        visit_id=VisitId(row.visit_id),
        patient_id=PatientId(row.patient_id),
        clinician_id=ClinicianId(row.clinician_id),
        version=version,
    )

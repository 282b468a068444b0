"""Decisions about notes: states as data, what may be signed, the text that is signed. No clock, no input or output."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId
from telehealth.records.notes.wording import cleaned
from telehealth.visits.lifecycle.rules import VisitStatus


class NoteState(StrEnum):
    """`preliminary`, as in DocumentReference.docStatus (FHIR R4): a trainee has signed, no supervisor has yet."""

    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    SIGNED = "signed"


NOTE_STEPS: Mapping[NoteState, frozenset[NoteState]] = {
    NoteState.DRAFT: frozenset({NoteState.DRAFT, NoteState.PRELIMINARY, NoteState.SIGNED}),
    NoteState.PRELIMINARY: frozenset({NoteState.DRAFT, NoteState.SIGNED}),  # returned or taken back, or co-signed
    NoteState.SIGNED: frozenset({NoteState.DRAFT, NoteState.SIGNED}),  # an amendment is drafted, or one retracts
}


# A visit that never was leaves no note in the record.
SIGNABLE = frozenset(
    {
        VisitStatus.IN_PROGRESS,
        VisitStatus.INTERRUPTED,
        VisitStatus.ENDED,
        VisitStatus.COMPLETED,
        VisitStatus.INCOMPLETE,
    }
)


class NoteKind(StrEnum):
    """LOINC codes of US Core's clinical note types that a visit ends with."""

    PROGRESS = "11506-3"
    CONSULTATION = "11488-4"


TITLES: Mapping[NoteKind, str] = {NoteKind.PROGRESS: "Progress note", NoteKind.CONSULTATION: "Consultation note"}


class AlreadySigned(Refusal):
    kind, slug, title = Kind.CONFLICT, "note-already-signed", "The note is signed and does not change any more"


class NotToBeSigned(Refusal):
    kind, slug, title = Kind.CONFLICT, "note-not-to-be-signed", "A visit that has not taken place gets no signed note"


class AwaitsCosignature(Refusal):
    kind, slug, title = (
        Kind.CONFLICT,
        "note-awaits-cosignature",
        "The note awaits a co-signature: take it back to change it",
    )


class NotAwaited(Refusal):
    kind, slug, title = Kind.CONFLICT, "cosignature-not-awaited", "The note awaits no co-signature any more"


class CosignatureState(StrEnum):
    """What became of a trainee's signature."""

    AWAITED = "awaited"
    GIVEN = "given"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


class NotSigned(Refusal):
    kind, slug, title = Kind.CONFLICT, "note-not-signed", "Only a signed note is amended or retracted"


class NothingToSign(Refusal):
    kind, slug, title = Kind.INVALID, "nothing-to-sign", "The note is empty"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Who answers for what a trainee signed, and since when."""

    by: ClinicianId
    name: str
    at: datetime


def render(
    title: str,
    body: str,
    *,
    author_name: str,
    started_at: datetime,
    signed_at: datetime,
    cosigned: Cosigned | None = None,
) -> str:
    """The text that is signed, delivered and shown: a head of three lines, or four when it was co-signed, a blank line,
    the clinician's words.

    Cleaned, no spaces at the end of a line, one LF at the end: the same bytes everywhere.
    """
    head = (
        title,
        f"Visit: {instant(started_at)}",
        f"Signed: {instant(signed_at)} by {author_name}",
        *((f"Co-signed: {instant(cosigned.at)} by {cosigned.name}",) if cosigned else ()),
    )
    return _normal("\n".join((*head, "", body))) + "\n"


def as_signed(body: str) -> str:
    """The clinician's words as `render` puts them below the head."""
    return _normal(body)


def _normal(text: str) -> str:
    return "\n".join(line.rstrip() for line in cleaned(text).split("\n")).strip("\n")


def instant(at: datetime) -> str:
    """A FHIR instant: UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

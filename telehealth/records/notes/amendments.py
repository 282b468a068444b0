"""How the versions of a note relate: what is appended, what takes the place of what, what was an error. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from telehealth.core.errors import Kind, Refusal


class Relation(StrEnum):
    """What a version is to the one it `relates_to`.

    The first two are codes of DocumentReference.relatesTo (FHIR R4). A version that `retracts` is no document in the
    record: it is why the documents it takes back are entered in error there.
    """

    APPENDS = "appends"
    REPLACES = "replaces"
    RETRACTS = "retracts"


class DocumentStatus(StrEnum):
    """DocumentReference.status, FHIR R4."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    ENTERED_IN_ERROR = "entered-in-error"


class DocStatus(StrEnum):
    """DocumentReference.docStatus, FHIR R4: of the text itself, whatever took its place later."""

    FINAL = "final"
    AMENDED = "amended"
    ENTERED_IN_ERROR = "entered-in-error"


class NotToBeAmended(Refusal):
    kind, slug, title = Kind.CONFLICT, "note-not-to-be-amended", "The note cannot be amended so, as it stands now"


class NotToBeRetracted(Refusal):
    kind, slug, title = Kind.CONFLICT, "note-not-to-be-retracted", "There is no such version of the note to retract"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One signed version: its number from 1, and what it is to an earlier number; a first text relates to none."""

    version: int
    signed_at: datetime
    relation: Relation | None = None
    relates_to: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a document stands since `changed_at`, when the version `by` was signed."""

    status: DocumentStatus
    changed_at: datetime
    by: int


def standings(history: Iterable[Signed]) -> Mapping[int, Standing]:
    """By version, how each document of a note stands. `history` is in the order of the versions."""
    found: dict[int, Standing] = {}
    earlier: list[Signed] = []
    for each in history:
        for version in affected(earlier, each):
            status = DocumentStatus.SUPERSEDED if _replaces(each) else DocumentStatus.ENTERED_IN_ERROR
            found[version] = Standing(status, each.signed_at, each.version)
        if each.relation is not Relation.RETRACTS:
            found[each.version] = Standing(DocumentStatus.CURRENT, each.signed_at, each.version)
        earlier.append(each)
    return found


def affected(earlier: Sequence[Signed], amendment: Signed) -> tuple[int, ...]:
    """The versions that stand otherwise once `amendment` is signed, in their order.

    A replacement takes the place of the text and of all that is appended to it. Who retracts the text takes back what
    it had replaced too: a note of the wrong patient was wrong from its first version on. An addendum goes alone.
    """
    match amendment.relation:
        case None | Relation.APPENDS:
            return ()
        case Relation.REPLACES:
            return _with_addenda(earlier, {amendment.relates_to or 0})
        case Relation.RETRACTS:
            return _with_addenda(earlier, _line(earlier, amendment.relates_to or 0))
        case never:
            assert_never(never)


def text_of(history: Sequence[Signed]) -> int | None:
    """The version that is the note's text now; None before the first and after a retraction."""
    standing = standings(history)
    texts = [each.version for each in history if each.relation in (None, Relation.REPLACES)]
    return next((each for each in reversed(texts) if standing[each].status is DocumentStatus.CURRENT), None)


def current(history: Sequence[Signed]) -> tuple[int, ...]:
    """The text and its addenda, as whoever reads the note has to read them; () when there is none."""
    standing = standings(history)
    return tuple(version for version, each in standing.items() if each.status is DocumentStatus.CURRENT)


def target(history: Sequence[Signed], relation: Relation | None) -> int | None:
    """The version an amendment of that kind relates to. Raises NotToBeAmended.

    With a text in force it is appended to or replaced; only without one a new text (no relation) is begun.
    """
    text = text_of(history)
    if relation is Relation.RETRACTS or (relation is None) != (text is None):
        raise NotToBeAmended
    return text


def retractable(history: Sequence[Signed], version: int) -> int:
    """That version, if it is there and nothing has taken its place. Raises NotToBeRetracted."""
    if version not in current(history):
        raise NotToBeRetracted
    return version


def doc_status(status: DocumentStatus, relation: Relation | None) -> DocStatus:
    if status is DocumentStatus.ENTERED_IN_ERROR:
        return DocStatus.ENTERED_IN_ERROR
    return DocStatus.AMENDED if relation is Relation.REPLACES else DocStatus.FINAL


def heading(title: str, relation: Relation | None, relates_to: int | None) -> str:
    """The first line of a version: what it is, and to which version."""
    match relation:
        case None:
            return title
        case Relation.APPENDS:
            return f"{title}: addendum to version {relates_to}"
        case Relation.REPLACES:
            return f"{title}: corrected, replaces version {relates_to}"
        case Relation.RETRACTS:
            return f"{title}: version {relates_to} was entered in error"
        case never:
            assert_never(never)


def words_of(text: str) -> str:
    """What its author wrote, of a rendered version: all after the head's blank line."""
    return text.partition("\n\n")[2].rstrip("\n")


def _replaces(each: Signed) -> bool:
    return each.relation is Relation.REPLACES


def _line(earlier: Sequence[Signed], version: int) -> set[int]:
    """That version and those whose place it took."""
    line = {version}
    for each in reversed(earlier):
        if each.version in line and _replaces(each):
            line.add(each.relates_to or 0)
    return line


def _with_addenda(earlier: Sequence[Signed], versions: set[int]) -> tuple[int, ...]:
    appended = {each.version for each in earlier if each.relation is Relation.APPENDS and each.relates_to in versions}
    retracted = _taken_back(earlier)
    return tuple(sorted((versions | appended) - retracted))


def _taken_back(earlier: Sequence[Signed]) -> set[int]:
    """What is in error stays so: nothing takes its place any more."""
    return {each.relates_to or 0 for each in earlier if each.relation is Relation.RETRACTS}

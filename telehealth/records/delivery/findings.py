"""What reconciliation may find of a document that had arrived. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from telehealth.records.delivery.profiles import Profile
from telehealth.records.notes.amendments import DocumentStatus, Signed, standings


class Finding(StrEnum):
    """`missing` of what is in force is sent again by itself; all else is for a person.

    `changed` is also what cannot be compared any more: its patient is no longer there, or there twice.
    """

    MISSING = "missing"
    DUPLICATE = "duplicate"
    CHANGED = "changed"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True)
class Copy:
    """One document that is ours as the record has it. `same`: still the words that were signed, of the same patient."""

    status: str
    same: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """Every document in the record that carries our identifier."""

    copies: tuple[Copy, ...] = ()


def expected(version: int, history: Sequence[Signed], arrived: Collection[int], profile: Profile) -> frozenset[str]:
    """How a document may stand: after what has arrived there, or after what is on its way."""
    there = [each for each in history if each.version in arrived]
    allowed = {str(standings(each)[version].status) for each in (there, history)}
    if not profile.needs_supersede_put and DocumentStatus.SUPERSEDED in allowed:
        allowed.add(DocumentStatus.CURRENT)
    return frozenset(allowed)


def judge(seen: Seen, allowed: Collection[str]) -> Finding | None:
    """None when all is as it was left. What was entered in error beside one that stands is no second copy; one that may
    stand as an error, or soon will, may as well be gone.
    """
    standing = [each for each in seen.copies if each.status != DocumentStatus.ENTERED_IN_ERROR]
    copies = standing or list(seen.copies[:1])
    match copies:
        case []:
            return None if DocumentStatus.ENTERED_IN_ERROR in allowed else Finding.MISSING
        case [one] if one.status == DocumentStatus.ENTERED_IN_ERROR and one.status not in allowed:
            return Finding.RETRACTED
        case [one]:
            return None if one.same and one.status in allowed else Finding.CHANGED
        case _:
            return Finding.DUPLICATE

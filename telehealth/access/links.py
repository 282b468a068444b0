"""Personal links: wrong answers at the identity step are counted, and too many of them pause the link.

Whoever keeps such links keeps the columns too; what a wrong answer means is decided here, once for all of them.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from telehealth.access.rules import TRIES, lockout, tries_left
from telehealth.db.unit import Unit


class Link(Protocol):
    """A row with a personal link: where the wrong answers are counted."""

    id: Any
    attempts: Any
    locked_until: Any


@dataclass(frozen=True, slots=True)
class Passed:
    """It is them."""


@dataclass(frozen=True, slots=True)
class Mistaken:
    """The link or the answer is not right; nobody hears which. `tries_left` is None when there is nothing to count."""

    tries_left: int | None


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many tries: the clinic helps by phone. `begun` when this very try was the last one."""

    until: datetime
    begun: bool = field(default=False, compare=False)


def unknown(unit: Unit, kind: str) -> Mistaken:
    """There is no such link, which sounds like a wrong answer."""
    unit.audit("execute", kind, None, outcome="mistaken")
    return Mistaken(None)


def judge(unit: Unit, link: Link, kind: str, *, right: bool, patient_id: UUID) -> Passed | Mistaken | Locked:
    """What an answer at the identity step comes to; `kind` names the link in the trace.

    A wrong answer is told, not raised: the count must outlive the refusal. The row must be locked, so that many at once
    get no more tries. The link itself stays valid.
    """
    if link.locked_until is not None and link.locked_until > unit.now:
        unit.audit("execute", kind, link.id, outcome="locked")
        return Locked(link.locked_until)
    if right:
        link.attempts, link.locked_until = 0, None
        unit.audit("execute", kind, link.id, patient_id=patient_id)
        return Passed()
    link.attempts += 1
    unit.audit("execute", kind, link.id, patient_id=patient_id, outcome="mistaken")
    if link.attempts % TRIES:
        return Mistaken(tries_left(link.attempts))
    until = unit.now + lockout(link.attempts)
    link.locked_until = until
    return Locked(until, begun=True)

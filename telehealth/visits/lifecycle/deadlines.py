"""What happens to a visit by itself if nobody does anything before. Pure.

A deadline is a row with the instant it is due. When that has come, the machine is asked again: its guards compare the
same instants, so that a deadline that fires late, early or twice does nothing the table does not allow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from telehealth.visits.lifecycle.rules import ANSWER_WITHIN, WAITING, Command, Visit, VisitStatus


class Deadline(StrEnum):
    """`answer`: an admitted patient and the clinician have not found each other. `grace`: a call did not come back.
    `away`: a waiting patient did not come back. The other two: who did not come, where the kind of visit has the system
    write that down.
    """

    ANSWER = "answer"
    GRACE = "grace"
    AWAY = "away"
    PATIENT_NO_SHOW = "patient_no_show"
    PROVIDER_NO_SHOW = "provider_no_show"


class Outcome(StrEnum):
    """`fired` did what it was for, `moot` found that something else had happened."""

    FIRED = "fired"
    MOOT = "moot"


@dataclass(frozen=True, slots=True)
class Consequence:
    command: Command
    cause: str


CONSEQUENCES: Mapping[Deadline, Consequence] = MappingProxyType(
    {
        Deadline.ANSWER: Consequence(Command.NO_ANSWER, "answer-time-over"),
        Deadline.GRACE: Consequence(Command.END, "grace-over"),
        Deadline.AWAY: Consequence(Command.LEAVE, "away"),
        Deadline.PATIENT_NO_SHOW: Consequence(Command.PATIENT_NO_SHOW, "policy-time-over"),
        Deadline.PROVIDER_NO_SHOW: Consequence(Command.PROVIDER_NO_SHOW, "policy-time-over"),
    }
)
# These leave the visit where it is, or a step behind: what is due stays due.
IN_PASSING = frozenset({Command.CHECK, Command.ATTEST, Command.WAIVE, Command.WITHDRAW, Command.AWAY, Command.BACK})


def deadlines_of(visit: Visit) -> dict[Deadline, datetime]:
    """What is due for a visit as it stands, and when. Whoever has gone and is back when the visit begins has not left.

    A visit that staff took back into an earlier state gets its whole time again, so that the system does not undo at
    once what they did.
    """
    since: dict[Deadline, datetime] = {}
    match visit.status:
        case VisitStatus.ADMITTING:
            since[Deadline.ANSWER] = visit.changed_at
        case VisitStatus.INTERRUPTED:
            since[Deadline.GRACE] = visit.changed_at
        case VisitStatus.BOOKED if visit.no_show_automatic:
            since[Deadline.PATIENT_NO_SHOW] = max(visit.starts_at, visit.changed_at)
        case VisitStatus.ARRIVED if visit.away_since is not None:
            pass  # nobody could have admitted them
        case VisitStatus.ARRIVED | VisitStatus.READY if visit.no_show_automatic:
            since[Deadline.PROVIDER_NO_SHOW] = max(visit.starts_at, visit.changed_at)
        case _:
            pass
    if visit.status in WAITING and visit.away_since is not None:
        since[Deadline.AWAY] = max(visit.away_since, visit.starts_at)
    return {kind: at + patience(visit, kind) for kind, at in since.items()}


def patience(visit: Visit, kind: Deadline) -> timedelta:
    """How long somebody has for what is expected of them."""
    match kind:
        case Deadline.ANSWER:
            return ANSWER_WITHIN
        case Deadline.GRACE | Deadline.AWAY:
            return timedelta(minutes=visit.grace)
        case Deadline.PATIENT_NO_SHOW:
            return timedelta(minutes=visit.patient_no_show_after)
        case Deadline.PROVIDER_NO_SHOW:
            return timedelta(minutes=visit.provider_no_show_after)

"""What the patient's side of a visit comes down to: may they join, where their page stands, how long a link is good.

Pure, like the rules it reads.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from telehealth.core.actors import Role
from telehealth.visits.lifecycle.rules import (
    IN_CALL,
    OVER,
    WAITING,
    Command,
    Visit,
    VisitStatus,
    allowed,
    situation_of,
)

OVERRUN = timedelta(hours=12)  # how long after the join window a call may still need its guest's session
LAST_PAGE = timedelta(minutes=30)  # how long the page of a visit that is over can be read
S = VisitStatus


class JoinReason(StrEnum):
    OPEN = "open"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    OVER = "over"
    CANCELLED = "cancelled"
    NOT_BOOKED = "not_booked"


def what_to_do(reason: JoinReason) -> str:
    known = {JoinReason.OPEN: "join", JoinReason.TOO_EARLY: "come_back", JoinReason.OVER: "nothing"}
    return known.get(reason, "call_clinic")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinDecision:
    status: VisitStatus
    can_join: bool
    opens_at: datetime
    closes_at: datetime
    reason: JoinReason
    what_to_do: str
    fallback_phone: str
    elsewhere: bool = False


def join_reason(visit: Visit, now: datetime) -> JoinReason:
    """Whether the patient's side may be in the visit now, and if not, why. Who came in time is not too late, however
    late the clinician is.
    """
    if visit.status in WAITING | IN_CALL:
        return JoinReason.OPEN
    if visit.status is S.CANCELLED:
        return JoinReason.CANCELLED
    if visit.status in OVER:
        return JoinReason.OVER
    if visit.status in {S.REQUESTED, S.HELD}:
        return JoinReason.NOT_BOOKED
    if now < visit.opens_at:
        return JoinReason.TOO_EARLY
    return JoinReason.OPEN if now < visit.closes_at else JoinReason.TOO_LATE


def may_call_off(visit: Visit, role: Role, now: datetime) -> bool:
    """Whether the patient's side may cancel by themselves: before the visit is to begin, and until the clinician takes
    the patient in. After that they would leave somebody who waits for them, or be in a call: the clinic helps.
    """
    free_to_go = visit.status in {S.BOOKED} | WAITING and now < visit.starts_at
    return free_to_go and Command.CANCEL in allowed(visit.status, role, situation_of(visit, now))


class Stage(StrEnum):
    """Where the patient's one page stands."""

    EARLY = "early"
    CHECK = "check"
    WAITING = "waiting"
    CALL = "call"
    ENDED = "ended"
    OVER = "over"


def stage_of(visit: Visit, now: datetime) -> Stage:
    if visit.status in IN_CALL:
        return Stage.CALL
    if visit.status is S.READY:
        return Stage.WAITING
    if visit.status in {S.ENDED, S.COMPLETED}:
        return Stage.ENDED
    reason = join_reason(visit, now)
    return {JoinReason.OPEN: Stage.CHECK, JoinReason.TOO_EARLY: Stage.EARLY}.get(reason, Stage.OVER)


# The identity step


def session_end(visit: Visit, now: datetime) -> datetime:
    """When a guest's session that opens now has to end; now or earlier: none opens any more.

    What a guest may do the visit decides. The session only has to outlast a call that takes longer than planned, and
    once the visit is over it shows its last page, up to the end of the join window.
    """
    if join_reason(visit, now) in {JoinReason.OPEN, JoinReason.TOO_EARLY}:
        return max(visit.closes_at, now) + OVERRUN
    return min(visit.closes_at, now + LAST_PAGE)


def reading_end(reads_until: datetime | None, now: datetime) -> datetime:
    """The same for who only comes to read what there is after the visit."""
    return now if reads_until is None else min(reads_until, now + LAST_PAGE)

"""What may be done with a visit at the desk now, from the table that decides. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId
from telehealth.visits.gates.rules import Gate, GateState, Standing, closed_gates
from telehealth.visits.lifecycle.rules import (
    Command,
    DeviceCheck,
    Situation,
    Visit,
    allowed,
    situation_of,
)

C = Command
# In the order of a day. Admitting and finishing belong to the room.
AT_THE_DESK = (
    C.BOOK,
    C.ARRIVE,
    C.MAKE_READY,
    C.NO_ANSWER,
    C.PUT_BACK,
    C.RESCHEDULE,
    C.HAND_OVER,
    C.PATIENT_NO_SHOW,
    C.PROVIDER_NO_SHOW,
    C.LEAVE,
    C.FAIL,
    C.CANCEL,
    C.CORRECT,
    C.MARK_ERROR,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One command as it was given on the page: about the revision that was shown. `reason` is a code, `words` free."""

    command: Command
    revision: int
    reason: str = ""
    words: str = ""
    clinician_id: ClinicianId | None = None
    gate: Gate | None = None


def offered(visit: Visit, role: Role, now: datetime, standings: Collection[Standing]) -> tuple[Command, ...]:
    """What the page offers, in order. What the guards of a visit cannot know beforehand is looked up: the gates."""
    now_possible = set(allowed(visit.status, role, _with_gates(situation_of(visit, now), standings)))
    if closed_gates(standings):
        now_possible.discard(C.MAKE_READY)
    return tuple(command for command in AT_THE_DESK if command in now_possible)


def waivable(visit: Visit, role: Role, now: datetime, standings: Collection[Standing]) -> tuple[Gate, ...]:
    """The gates that whoever looks may set aside now. A licence is set aside by the clinician alone, whose it is."""
    if C.WAIVE not in allowed(visit.status, role, situation_of(visit, now)):
        return ()
    return tuple(gate for gate in closed_gates(standings) if gate is not Gate.LOCATION or role is Role.CLINICIAN)


def _with_gates(situation: Situation, standings: Collection[Standing]) -> Situation:
    if situation.check is None and Standing(Gate.DEVICES, GateState.WAIVED) in standings:
        return replace(situation, check=DeviceCheck.WAIVED)
    return situation

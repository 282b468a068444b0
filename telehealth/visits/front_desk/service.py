"""Commands of the desk on a visit: each about the revision that was shown, so that nobody overwrites another."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from telehealth.core.errors import NotFound, Stale
from telehealth.db.unit import Unit
from telehealth.visits.appointments import service as appointments
from telehealth.visits.front_desk.rules import Order
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import Command, Visit

C = Command
Given = Callable[..., Awaitable[Visit]]
PLAIN: Mapping[Command, Given] = {
    C.ARRIVE: lifecycle.arrive,
    C.NO_ANSWER: lifecycle.no_answer,
    C.PUT_BACK: lifecycle.put_back,
    C.PATIENT_NO_SHOW: lifecycle.note_patient_no_show,
    C.PROVIDER_NO_SHOW: lifecycle.note_provider_no_show,
    C.LEAVE: lifecycle.leave,
}
REASONED: Mapping[Command, Given] = {
    C.CANCEL: lifecycle.cancel,
    C.FAIL: lifecycle.fail,
    C.MARK_ERROR: lifecycle.mark_error,
    C.CORRECT: lifecycle.correct,
}


async def give(unit: Unit, visit_id: UUID, order: Order) -> Visit:
    """Do what was ordered. Raises NotFound, Stale when somebody was quicker, and whatever the command raises."""
    await _unchanged(unit, visit_id, order.revision)
    options: dict[str, Any] = {"revision": order.revision}
    match order.command:
        case C.BOOK:
            return (await appointments.confirm(unit, visit_id, **options)).visit
        case C.MAKE_READY:
            return await gates.make_ready(unit, visit_id, **options)
        case C.WAIVE if order.gate is not None:
            return await gates.waive(unit, visit_id, order.gate, reason=order.words, **options)
        case C.HAND_OVER if order.clinician_id is not None:
            return await lifecycle.hand_over(unit, visit_id, order.clinician_id, override=order.words, **options)
    if order.command in REASONED:
        return await REASONED[order.command](unit, visit_id, reason=order.reason, **options)
    if order.command not in PLAIN:
        raise NotFound
    return await PLAIN[order.command](unit, visit_id, **options)


async def _unchanged(unit: Unit, visit_id: UUID, revision: int) -> None:
    if (await queries.find(unit, visit_id, lock=True)).revision != revision:
        raise Stale

"""Commands on follow-up tasks."""

from datetime import datetime
from uuid import UUID

from telehealth.access import queries as access
from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.followups.events import FollowUpPlanned
from telehealth.followups.models import FollowUpRow
from telehealth.followups.parts import (
    Command,
    FollowUp,
    Item,
    Owner,
    Pool,
    Priority,
    Step,
    TaskKind,
    TaskStatus,
    UnfitTask,
    Wish,
)
from telehealth.followups.ports import Questionnaires
from telehealth.followups.queries import find_row, follow_up, follow_up_of, own_id, place, sealed_items, steps
from telehealth.followups.reading import parse_delay, parse_stroke, windows
from telehealth.followups.rules import DEVICE_ALERT, FACING, OPEN, asks_patient, made_by, state_before, with_item
from telehealth.followups.steps import apply, change, event_of
from telehealth.people import queries as people
from telehealth.scheduling.recurrence.rules import expand
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.lifecycle.service import open_visit


async def plan(unit: Unit, visit_id: UUID, wish: Wish) -> list[FollowUp]:
    """One task of a visit, or all tasks of a repetition. Raises NotFound, UnfitDelay, UnfitTask, InvalidRecurrence.

    Falls due at this time of day: in the visit's zone, and by the patient's clock when it repeats. A repetition is
    made whole at once, so that no slow worker, late closing or undoing can stretch it or lose a part of it; what lies
    ahead costs the sweep nothing.
    """
    visit = await open_visit(unit, visit_id)
    times = await _times(unit, visit, wish)
    if wish.title == "" and wish.kind is TaskKind.CUSTOM:
        raise UnfitTask(fault="title")
    if wish.questionnaire and not asks_patient(wish):
        raise UnfitTask(fault="questionnaire")
    blocked = wish.after_id is not None and await _blocked(unit, visit, wish.after_id)
    owner = await _checked(unit, wish.owner) if wish.owner else Owner(Pool.CLINICIANS, visit.clinician_id)
    series = unit.new_id() if len(times) > 1 else None
    rows = [
        _row(unit, visit, wish, window=window, owner=owner, blocked=blocked, series=(series, number))
        for number, window in enumerate(zip(times, windows(wish, times, visit.time_zone), strict=True), start=1)
    ]
    unit.session.add_all(rows)
    await unit.session.flush()
    for row in rows:
        apply(unit, row, Command.PLAN, TaskStatus.PLANNED, cause=wish.cause)
        unit.audit("create", "follow_up_task", row.id, patient_id=visit.patient_id)
        unit.emit(event_of(FollowUpPlanned, row))
    await unit.session.flush()
    return [follow_up_of(unit, row) for row in rows]


async def order(unit: Unit, visit_id: UUID, wish: Wish, known: Questionnaires) -> list[FollowUp]:
    """The same of who may name any questionnaire. Raises like `plan`, UnfitTask for a questionnaire there is not."""
    if wish.questionnaire and wish.questionnaire not in await known.codes(unit):
        raise UnfitTask(fault="questionnaire")
    return await plan(unit, visit_id, wish)


async def stroke(unit: Unit, visit_id: UUID, written: str, known: Questionnaires) -> list[FollowUp]:
    """`call +2w`, `blood pressure +1d x14 @desk`, `questionnaire bp +1d x14` where `bp` is one that patients may be
    asked to answer. Raises NotFound, UnfitDelay, UnfitTask, InvalidRecurrence.
    """
    said = parse_stroke(written)
    named = said.title.casefold().split()[1:2] if said.kind is TaskKind.QUESTIONNAIRE else []
    codes = await known.codes(unit) if named else ()
    wish = Wish(
        title=said.title,
        kind=said.kind,
        due_in=said.due_in,
        owner=None if said.owner is None else Owner(said.owner),
        priority=said.priority,
        repeat=said.repeat,
        questionnaire=next((each for each in named if each in codes), ""),
    )
    return await plan(unit, visit_id, wish)


async def done(unit: Unit, task_id: UUID, *, revision: int | None = None) -> FollowUp:
    """It is done; saying so twice is no fault. Patients say so of what is asked of them; what they are to answer, the
    answers complete. Raises NotFound, Stale, TaskClosed, UnfitTask.
    """
    return await _give(unit, task_id, Command.COMPLETE, TaskStatus.DONE, revision=revision)


async def cancel(unit: Unit, task_id: UUID, *, revision: int | None = None) -> FollowUp:
    """It is no longer wanted, nor is what waits for it unbegun. Raises NotFound, Stale, TaskClosed, UnfitTask."""
    return await _give(unit, task_id, Command.CANCEL, TaskStatus.CANCELLED, revision=revision)


async def skip(unit: Unit, task_id: UUID, *, reason: str, revision: int | None = None) -> FollowUp:
    """It is not done, for that reason. Raises NotFound, Stale, TaskClosed, ReasonMissing, UnfitTask."""
    row = await _by_hand(unit, task_id)
    sealed = unit.vault.seal(place(row.id, "reason"), reason)
    await change(unit, row, Command.SKIP, note=reason, revision=revision, values={"reason": sealed})
    return follow_up_of(unit, row)


async def reopen(unit: Unit, task_id: UUID) -> FollowUp:
    """Closing it was a slip: it is again what it was, within 15 minutes. Raises NotFound, TaskOpen."""
    row = await _by_hand(unit, task_id)
    back = state_before(await steps(unit, task_id))
    await change(unit, row, Command.REOPEN, back_to=back, values={"reason": None})
    return follow_up_of(unit, row)


async def claim(unit: Unit, task_id: UUID, *, revision: int | None = None) -> FollowUp:
    """Take it on: of two, the second hears that it is taken. Who takes on what others were told of, because it was
    escalated or cannot wait, has its window once more before it is escalated, and nobody else is told of it.

    Raises NotFound, Stale, TaskClosed, TaskTaken, UnfitTask.
    """
    row = await _by_hand(unit, task_id)
    pool = Pool.CLINICIANS if unit.actor.role is Role.CLINICIAN else Pool.DESK
    told = row.status == TaskStatus.ESCALATED or (row.owner_id is None and row.priority == Priority.STAT)
    taken_on_at = unit.now if told else _taken_on_at(unit, row, own_id(unit))
    values = {"owner_id": own_id(unit), "pool": pool, "taken_on_at": taken_on_at}
    await change(unit, row, Command.CLAIM, revision=revision, values=values)
    return follow_up_of(unit, row)


async def assign(unit: Unit, task_id: UUID, owner: Owner, *, revision: int | None = None) -> FollowUp:
    """Give it to a person, or back to a pool. Raises NotFound, Stale, TaskClosed, UnfitTask."""
    row = await _by_hand(unit, task_id)
    owner = await _checked(unit, owner)
    if owner.pool is Pool.DESK and made_by(row.origin) == DEVICE_ALERT:  # it says what was measured
        raise UnfitTask(fault="owner")
    taken_on_at = _taken_on_at(unit, row, owner.person_id)
    values = {"owner_id": owner.person_id, "pool": owner.pool, "taken_on_at": taken_on_at}
    await change(unit, row, Command.ASSIGN, revision=revision, values=values)
    return follow_up_of(unit, row)


def _taken_on_at(unit: Unit, row: FollowUpRow, owner_id: UUID | None) -> datetime | None:
    """Whoever comes to what somebody had taken on has it from now, and its window before it."""
    return row.taken_on_at if row.taken_on_at is None or row.owner_id == owner_id else unit.now


async def note(unit: Unit, task_id: UUID, *, text: str) -> FollowUp:
    """Write down what was tried or found. Raises NotFound, TaskClosed."""
    row = await find_row(unit, task_id)
    await change(unit, row, Command.NOTE, note=text)
    return follow_up_of(unit, row)


async def check(unit: Unit, task_id: UUID, number: int, *, done: bool, revision: int | None = None) -> FollowUp:
    """Tick a line of the checklist, or take the tick back. Raises NotFound, Stale, TaskClosed, UnfitTask."""
    row = await find_row(unit, task_id)
    items = follow_up_of(unit, row).checklist
    if not 0 <= number < len(items):
        raise UnfitTask(fault="item")
    ticked = sealed_items(unit, row.id, with_item(items, number, done=done))
    await change(unit, row, Command.CHECK, revision=revision, values={"checklist": ticked})
    return follow_up_of(unit, row)


async def history(unit: Unit, task_id: UUID) -> list[Step]:
    """Who did what when; audited. Raises NotFound."""
    await follow_up(unit, task_id)
    return await steps(unit, task_id)


async def _by_hand(unit: Unit, task_id: UUID) -> FollowUpRow:
    """A task that people close and hand on. Raises NotFound, UnfitTask."""
    row = await find_row(unit, task_id)
    if row.kind == TaskKind.COSIGN:
        raise UnfitTask(fault="kind")
    if unit.actor.role is Role.PATIENT and row.questionnaire is not None:
        raise UnfitTask(fault="questionnaire")
    return row


async def _give(unit: Unit, task_id: UUID, command: Command, wanted: TaskStatus, *, revision: int | None) -> FollowUp:
    row = await _by_hand(unit, task_id)
    if row.status == wanted:
        unit.audit("update", "follow_up_task", row.id, patient_id=row.patient_id)
    else:
        await change(unit, row, command, revision=revision)
    return follow_up_of(unit, row)


def _row(
    unit: Unit,
    visit: Visit,
    wish: Wish,
    *,
    window: tuple[datetime, datetime],
    owner: Owner,
    blocked: bool,
    series: tuple[UUID | None, int],
) -> FollowUpRow:
    task_id = unit.new_id()
    return FollowUpRow(
        id=task_id,
        visit_id=visit.id,
        patient_id=visit.patient_id,
        clinician_id=visit.clinician_id,
        kind=wish.kind,
        title=unit.vault.seal(place(task_id), wish.title),
        pool=owner.pool,
        owner_id=owner.person_id,
        facing=wish.facing or FACING[wish.kind],
        priority=wish.priority,
        status=TaskStatus.PLANNED,
        planned_at=unit.now,
        due_at=window[0],
        ends_at=window[1],
        moved_at=unit.now,
        after_id=wish.after_id,
        blocked=blocked,
        series_id=series[0],
        number=series[1] if series[0] else None,
        origin=wish.origin,
        questionnaire=wish.questionnaire or None,
        checklist=sealed_items(unit, task_id, [Item(text) for text in wish.checklist]),
        revision=1,
    )


async def _times(unit: Unit, visit: Visit, wish: Wish) -> list[datetime]:
    if not wish.repeat:
        return [_first(unit, wish, visit.time_zone)]
    zone = (await people.patient(unit, visit.patient_id)).time_zone
    first = _first(unit, wish, zone)
    local = first.astimezone(parse_zone(zone)).replace(tzinfo=None)
    # A clock reading has whole seconds, and one that is shown twice is read as the first: both may lie before.
    return [max(each.start, first) for each in expand(wish.repeat, local, zone)]


def _first(unit: Unit, wish: Wish, zone: str) -> datetime:
    if wish.due_at is not None:
        if wish.due_at < unit.now:
            raise UnfitTask(fault="due_at")
        return wish.due_at
    return unit.now if wish.due_in == "0d" else parse_delay(wish.due_in).after(unit.now, parse_zone(zone))


async def _blocked(unit: Unit, visit: Visit, after_id: UUID) -> bool:
    """Whether the predecessor is open: locked, so that it is not closed unheard. Raises NotFound, UnfitTask."""
    before = await find_row(unit, after_id)
    if before.patient_id != visit.patient_id or before.status == TaskStatus.CANCELLED:
        raise UnfitTask(fault="predecessor")
    return before.status in OPEN


async def _checked(unit: Unit, owner: Owner) -> Owner:
    """Raises NotFound for a clinician, UnfitTask for somebody at the desk, who is not there."""
    if owner.person_id is None:
        return owner
    if owner.pool is Pool.CLINICIANS:
        await people.clinician(unit, ClinicianId(owner.person_id))
    elif owner.person_id not in {each.id for each in await access.staff(unit, Role.FRONT_DESK)}:
        raise UnfitTask(fault="owner")
    return owner

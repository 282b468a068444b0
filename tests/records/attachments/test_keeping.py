"""Files that are whole: leased after the queue, put off when an examination breaks off, deleted in the end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.records.attachments import service
from telehealth.records.attachments.examiner import ProcessExaminer
from telehealth.records.attachments.keeping import Keeper
from telehealth.records.attachments.models import AttachmentObjectRow, AttachmentPartRow, AttachmentRow
from telehealth.records.attachments.ports import Cleaned, NotExamined
from telehealth.records.attachments.rules import (
    EXAMINING_SECONDS,
    LEASE,
    MOST_TRIES,
    STORING_SECONDS,
    Announced,
    FileType,
    StorageAway,
    Unfit,
    UnfitFile,
)
from tests.kit import files
from tests.kit.visits import Arranged, arrange_visit

PHOTO = files.photo()


@dataclass
class Drawer:
    """A store in memory. `full`: what is put lands, and nobody hears of it."""

    held: dict[UUID, bytes] = field(default_factory=dict)
    full: bool = False

    async def put(self, name: UUID, content: bytes) -> None:
        self.held[name] = content
        if self.full:
            raise StorageAway

    async def get(self, name: UUID) -> bytes | None:
        return self.held.get(name)

    async def delete(self, name: UUID) -> None:
        self.held.pop(name, None)


@dataclass
class Scripted:
    """An examiner that does as it is told, once its turn has come."""

    act: Callable[[], Awaitable[None]]
    before: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        self.before()
        yield

    async def clean(self, content: bytes, *, taken: frozenset[FileType]) -> Cleaned:
        del taken
        await self.act()
        return Cleaned(FileType.JPEG, content)


async def fine() -> None:
    """Nothing is wrong with it."""


async def broken_off() -> None:
    raise NotExamined("it ended with -9")


async def _received(unit: Unit, visit_id: UUID) -> UUID:
    upload = await service.begin(unit, visit_id, Announced(len(PHOTO), "mole"))
    await unit.session.flush()
    await service.append(unit, visit_id, upload, offset=0, content=PHOTO)
    return upload


async def _count(unit: Unit, row: Any) -> int:
    return await unit.session.scalar(select(func.count()).select_from(row)) or 0


async def _unfit(unit: Unit, upload: UUID) -> tuple[str, str | None]:
    found = await unit.session.execute(
        select(AttachmentRow.state, AttachmentRow.unfit).where(AttachmentRow.id == upload)
    )
    state, unfit = found.one()
    return state, unfit


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


@pytest.fixture
async def upload(unit_of_work: UnitOfWork, arranged: Arranged) -> UUID:
    return await unit_of_work.run(_received, arranged.clinician, arranged.visit_id)


def keeper(unit_of_work: UnitOfWork, store: Drawer, examiner: Any) -> Keeper:
    async def run(action: Any, *args: Any, **kwargs: Any) -> Any:
        return await unit_of_work.run(action, SYSTEM, *args, **kwargs)

    return Keeper(run, store, examiner)


async def test_an_examination_that_breaks_off_loses_nothing(
    unit_of_work: UnitOfWork, upload: UUID, clock: FixedClock
) -> None:
    store = Drawer()
    assert not await keeper(unit_of_work, store, Scripted(broken_off)).settle(upload)
    assert await unit_of_work.run(_count, SYSTEM, AttachmentPartRow) == 1
    assert await keeper(unit_of_work, store, Scripted(fine)).clear() == 0
    clock.advance(LEASE)
    assert await keeper(unit_of_work, store, ProcessExaminer()).clear() == 1
    assert await unit_of_work.run(_unfit, SYSTEM, upload) == ("kept", None)


async def test_what_breaks_off_every_examination_is_refused_in_the_end(
    unit_of_work: UnitOfWork, upload: UUID, clock: FixedClock
) -> None:
    keeps = keeper(unit_of_work, Drawer(), Scripted(broken_off))
    for _ in range(MOST_TRIES):
        assert not await keeps.settle(upload)
        clock.advance(LEASE)
    with pytest.raises(UnfitFile) as refused:
        await keeps.settle(upload)
    assert refused.value.reason is Unfit.BROKEN
    assert await unit_of_work.run(_unfit, SYSTEM, upload) == ("refused", "broken")


async def test_a_lease_begins_after_the_queue_and_outlasts_the_work(
    unit_of_work: UnitOfWork, upload: UUID, clock: FixedClock
) -> None:
    assert timedelta(seconds=EXAMINING_SECONDS + STORING_SECONDS) < LEASE
    found: list[UUID] = []

    async def look() -> None:
        found.extend((await unit_of_work.run(service.unsettled)).received)

    examiner = Scripted(look, before=lambda: clock.advance(2 * LEASE))
    assert await keeper(unit_of_work, Drawer(), examiner).settle(upload)
    assert found == []


async def test_a_file_that_cannot_be_opened_at_all_holds_up_no_other(
    unit_of_work: UnitOfWork, arranged: Arranged, upload: UUID, clock: FixedClock
) -> None:
    async def lose_key(unit: Unit) -> None:
        await unit.session.execute(update(AttachmentPartRow).values(content=b"\x02k9" + bytes(40)))

    await unit_of_work.run(lose_key)
    clock.advance(timedelta(seconds=1))
    later = await unit_of_work.run(_received, arranged.clinician, arranged.visit_id)
    keeps = keeper(unit_of_work, Drawer(), Scripted(fine))
    assert await keeps.clear() == 2
    assert await unit_of_work.run(_unfit, SYSTEM, upload) == ("received", None)
    assert await unit_of_work.run(_unfit, SYSTEM, later) == ("kept", None)
    assert await keeps.clear() == 0


async def test_every_object_that_no_file_is_kept_in_is_deleted_in_the_end(
    unit_of_work: UnitOfWork, arranged: Arranged, upload: UUID, clock: FixedClock
) -> None:
    store = Drawer(full=True)
    keeps = keeper(unit_of_work, store, Scripted(fine))
    for _ in range(3):
        assert not await keeps.settle(upload)
        clock.advance(LEASE)
    assert len(store.held) == 3
    store.full = False
    assert await keeps.settle(upload)
    await keeps.clear()
    assert len(store.held) == 1
    await unit_of_work.run(service.remove, arranged.clinician, arranged.visit_id, upload)
    await keeps.clear()
    assert store.held == {}
    assert await unit_of_work.run(_count, SYSTEM, AttachmentObjectRow) == 0

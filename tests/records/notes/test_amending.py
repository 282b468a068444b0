"""What is done with a signed note, on a real database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound, Stale
from telehealth.core.events import Event
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.records.notes import queries, service
from telehealth.records.notes.amendments import NotToBeAmended, NotToBeRetracted, Relation, standings
from telehealth.records.notes.events import NoteSigned
from telehealth.records.notes.models import NoteRow, NoteStandingRow, NoteVersionRow
from telehealth.records.notes.queries import SignedVersion
from telehealth.records.notes.rules import AlreadySigned, NoteKind, NoteState, NothingToSign, NotSigned
from tests.kit.visits import Arranged, arrange_visit

APPENDS, REPLACES = Relation.APPENDS, Relation.REPLACES


class Author:
    """The clinician of one visit, who always knows the latest revision."""

    def __init__(self, unit_of_work: UnitOfWork, arranged: Arranged) -> None:
        self.work, self.arranged, self.revision = unit_of_work, arranged, 0

    async def do(self, command: Callable[..., Awaitable[Any]], **values: object) -> object:
        done: object = await self.work.run(
            command,
            self.arranged.clinician,
            self.arranged.visit_id,
            version=self.revision,
            **values,
        )
        self.revision = (await self.row()).revision
        return done

    async def save(self, content: str) -> None:
        await self.do(service.save_draft, content=content, kind=NoteKind.PROGRESS)

    async def sign(self, content: str) -> SignedVersion:
        await self.save(content)
        signed = await self.do(service.freeze)
        assert isinstance(signed, SignedVersion)
        return signed

    async def amend(self, relation: Relation | None, content: str) -> SignedVersion:
        await self.do(service.amend, relation=relation)
        return await self.sign(content)

    async def retract(self, signed: int, reason: str = "Wrong patient.") -> object:
        return await self.do(service.retract, signed=signed, reason=reason)

    async def row(self) -> NoteRow:
        async def read(unit: Unit) -> NoteRow:
            found = await unit.session.scalars(select(NoteRow).where(NoteRow.visit_id == self.arranged.visit_id))
            return found.one()

        return await self.work.run(read)

    async def words(self) -> str:
        row = await self.row()

        async def read(unit: Unit) -> str:
            return unit.vault.open(("note", "content", row.id), row.content)

        return await self.work.run(read)

    async def history(self) -> list[SignedVersion]:
        return await self.work.run(queries.history, SYSTEM, (await self.row()).id)

    async def text(self, version: int) -> str:
        signed = (await self.history())[version - 1]
        return await self.work.run(queries.signed_text, SYSTEM, signed.id)

    async def standing(self) -> dict[int, str]:
        """As the table says it; what the rules say of the same history is the same."""
        signed = await self.history()

        async def read(unit: Unit) -> dict[UUID, str]:
            rows = await unit.session.scalars(select(NoteStandingRow))
            return {each.note_version_id: each.status for each in rows}

        kept = await self.work.run(read)
        found = {each.version: kept[each.id] for each in signed if each.id in kept}
        assert found == {version: str(each.status) for version, each in standings(signed).items()}
        return found


@pytest.fixture
async def author(unit_of_work: UnitOfWork) -> Author:
    return Author(unit_of_work, await unit_of_work.run(arrange_visit))


async def test_an_addendum_is_one_more_version(author: Author, nudged: list[Event]) -> None:
    first = await author.sign("Rest.")
    second = await author.amend(APPENDS, "The culture came back: nothing grew.")
    assert (second.version, second.relation, second.relates_to) == (2, APPENDS, 1)
    assert (await author.text(2)).startswith("Progress note: addendum to version 1\nVisit: ")
    assert (await author.text(2)).endswith("\n\nThe culture came back: nothing grew.\n")
    assert (await author.text(1)).endswith("\n\nRest.\n")
    assert [each.sha256 for each in await author.history()] == [first.sha256, second.sha256]
    assert await author.standing() == {1: "current", 2: "current"}
    assert [each.version for each in nudged if isinstance(each, NoteSigned)] == [1, 2]


async def test_a_replacement_begins_with_what_is_in_force(author: Author) -> None:
    await author.sign("## Plan\n\nRest.")
    await author.amend(APPENDS, "And tea.")
    await author.do(service.amend, relation=REPLACES)
    assert await author.words() == "## Plan\n\nRest.\n\nAnd tea."
    third = await author.sign("## Plan\n\nNo tea.")
    assert (third.version, third.relation, third.relates_to) == (3, REPLACES, 1)
    assert await author.standing() == {1: "superseded", 2: "superseded", 3: "current"}


async def test_a_retraction_says_why_and_another_text_may_follow(author: Author) -> None:
    await author.sign("Rest.")
    await author.amend(APPENDS, "And tea.")
    await author.retract(2, "Said of somebody else.")
    assert await author.standing() == {1: "current", 2: "entered-in-error"}
    await author.retract(1)
    assert await author.standing() == {1: "entered-in-error", 2: "entered-in-error"}
    assert (await author.text(3)).startswith("Progress note: version 2 was entered in error\n")
    assert (await author.text(3)).endswith("\n\nSaid of somebody else.\n")
    anew = await author.amend(None, "Better.")
    assert (anew.version, anew.relation) == (5, None)
    assert (await author.standing())[5] == "current"


async def test_an_amendment_is_drafted_like_the_first_text(author: Author) -> None:
    await author.sign("Rest.")
    await author.do(service.amend, relation=APPENDS)
    await author.save("one")
    await author.save("two")
    author.revision -= 1
    with pytest.raises(Stale):
        await author.save("from another tab")
    assert await author.words() == "two"


async def test_of_many_who_begin_sign_or_retract_at_once_one_does(author: Author) -> None:
    async def at_once(command: Callable[[], Awaitable[object]]) -> None:
        done = await asyncio.gather(*(command() for _ in range(5)), return_exceptions=True)
        assert {type(each) for each in done if isinstance(each, BaseException)} <= {Stale}
        author.revision = (await author.row()).revision

    await author.sign("Rest.")
    await at_once(lambda: author.do(service.amend, relation=REPLACES))
    await at_once(lambda: author.do(service.freeze))
    await at_once(lambda: author.retract(2))
    assert [each.relation for each in await author.history()] == [None, REPLACES, Relation.RETRACTS]


async def test_an_amendment_can_be_given_up(author: Author) -> None:
    await author.save("Rest.")
    with pytest.raises(NotSigned):
        await author.do(service.discard)
    await author.sign("Rest.")
    with pytest.raises(AlreadySigned):
        await author.do(service.discard)
    await author.do(service.amend, relation=APPENDS)
    await author.save("never mind")
    await author.do(service.discard)
    row = await author.row()
    assert (row.state, row.relation, await author.words()) == (NoteState.SIGNED, None, "Rest.")
    assert len(await author.history()) == 1


async def test_what_cannot_be_amended_or_retracted(author: Author) -> None:
    with pytest.raises(NotFound):
        await author.work.run(
            service.amend, author.arranged.clinician, author.arranged.visit_id, version=0, relation=APPENDS
        )
    await author.save("Rest.")
    with pytest.raises(NotSigned):
        await author.do(service.amend, relation=APPENDS)
    with pytest.raises(NotSigned):
        await author.retract(1)
    await author.do(service.freeze)
    with pytest.raises(NotToBeAmended):
        await author.do(service.amend, relation=None)
    with pytest.raises(NotToBeRetracted):
        await author.retract(2)
    with pytest.raises(NothingToSign):
        await author.retract(1, " \0\n")
    author.revision -= 1
    with pytest.raises(Stale):
        await author.do(service.amend, relation=APPENDS)


async def test_headings_alone_are_not_signed(author: Author) -> None:
    with pytest.raises(NothingToSign):
        await author.sign("## Subjective\n\n## Plan\n")


async def test_hostile_text_is_cleaned_when_it_is_saved(author: Author) -> None:
    await author.save("10\u202e mg\0 <script>alert(1)</script>\r\nRest.\ud800")
    assert await author.words() == "10 mg <script>alert(1)</script>\nRest."


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE note_version SET sha256 = ''",
        "UPDATE note_version SET relates_to = NULL, relation = NULL",
        "UPDATE note_version SET signed_at = now()",
        "DELETE FROM note_version",
        "TRUNCATE note_version CASCADE",
    ],
)
def test_the_database_keeps_what_was_signed(database: str, change: str) -> None:
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(change.encode())


async def test_a_version_relates_to_one_of_its_own_note(author: Author, unit_of_work: UnitOfWork) -> None:
    await author.sign("Rest.")
    await author.amend(APPENDS, "Tea.")
    other = Author(unit_of_work, await unit_of_work.run(arrange_visit))
    await other.sign("Rest.")

    async def forge(unit: Unit) -> None:
        row = (await unit.session.scalars(select(NoteVersionRow).where(NoteVersionRow.version == 2))).one()
        names = [each.name for each in NoteVersionRow.__table__.columns if each.name != "written_in"]
        values = {name: getattr(row, name) for name in names}
        note = await other.row()
        unit.session.add(
            NoteVersionRow(**values | {"id": unit.new_id(), "note_id": note.id, "version": 3, "relates_to": 2})
        )

    with pytest.raises(Exception, match="fk_note_version_relates_to"):
        await unit_of_work.run(forge)

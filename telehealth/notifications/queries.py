"""Reading the words of messages: no patient's data, so reading them leaves no trace."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, select

from telehealth.db.unit import Unit
from telehealth.notifications.kinds import Whom
from telehealth.notifications.models import MessageTextRow
from telehealth.notifications.rules import Channel, MessageKind
from telehealth.notifications.slots import Published, Words
from telehealth.notifications.wording import Wording


async def published(unit: Unit, words: Words) -> Mapping[str, Wording]:
    """The words in force, by language; none where the catalogue's are."""
    row = MessageTextRow
    query = select(row).where(*of(words), row.retired_at.is_(None))
    return {each.language: Wording(each.subject, each.body) for each in await unit.session.scalars(query)}


async def in_force(unit: Unit) -> Mapping[tuple[Words, str], Published]:
    """All that administrators have set, by words and language."""
    rows = await unit.session.scalars(select(MessageTextRow).where(MessageTextRow.retired_at.is_(None)))
    return {(each.words, each.language): each for each in map(_read, rows)}


async def versions(unit: Unit, words: Words, language: str) -> list[Published]:
    """All there were, the latest first; empty where it was always the catalogue's."""
    row = MessageTextRow
    query = select(row).where(*of(words), row.language == language).order_by(row.version.desc())
    return [_read(each) for each in await unit.session.scalars(query)]


def of(words: Words) -> tuple[ColumnElement[bool], ...]:
    row = MessageTextRow
    return row.kind == words.kind, row.whom == words.whom, row.channel == words.channel


def _read(row: MessageTextRow) -> Published:
    return Published(
        id=row.id,
        words=Words(MessageKind(row.kind), Whom(row.whom), Channel(row.channel)),
        language=row.language,
        version=row.version,
        wording=Wording(row.subject, row.body),
        published_at=row.published_at,
        published_by=row.published_by,
        retired_at=row.retired_at,
    )

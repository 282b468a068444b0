"""A released summary as an accessible PDF: labels in the reader's language, the clinician's words in theirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from telehealth.http.locales import Locale
from telehealth.records.after_visit.rules import Contents, Passage, Release, Standing, SummaryWithdrawn, Task
from telehealth.records.charting.queries import Subject
from telehealth.records.charting.sheets import blocks, draw, named
from telehealth.records.notes.markdown import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """For whom it is made: in which language and zone, and what they may know beside the words."""

    locale: Locale
    zone: ZoneInfo
    subject: Subject
    clinic: str
    visit_at: datetime | None = None


async def pdf(release: Release, reader: Reader) -> bytes:
    """The same release makes the same bytes for the same reader, while it stands as it does. Raises SummaryWithdrawn,
    NotToBeDrawn.
    """
    if release.contents is None:
        raise SummaryWithdrawn
    return await draw(_told(release, release.contents, reader), at=release.released_at)


def _told(release: Release, contents: Contents, reader: Reader) -> dict[str, Any]:
    locale, at = reader.locale, reader.locale.format_datetime
    _ = locale.gettext
    name = reader.subject.name
    when = [] if reader.visit_at is None else [(_("Visit"), at(reader.visit_at, reader.zone))]
    stale = release.standing is Standing.SUPERSEDED
    return {
        "title": _("After-visit summary, %(name)s") % {"name": name} if name else _("After-visit summary"),
        "author": release.author_name,
        "lang": locale.code,
        "notice": _outdated(locale) if stale else "",
        "head": [
            (_("Patient"), named(reader.subject, locale)),
            *when,
            (_("Note"), _source(release, reader)),
            (_("As of"), at(release.released_at, reader.zone)),
        ],
        "parts": _parts(release, contents, reader),
        "footer": f"{reader.clinic}  SHA-256 {release.sha256[:16]}…",
    }


def _outdated(locale: Locale) -> str:
    return locale.gettext(
        "Your clinician has changed the note since this summary was made. A new summary may follow. Before you act on"
        " this one, ask the clinic."
    )


def _source(release: Release, reader: Reader) -> str:
    signed = {
        "number": release.note_version,
        "name": release.author_name,
        "time": reader.locale.format_datetime(release.signed_at, reader.zone),
    }
    return reader.locale.gettext("From version %(number)s of the note, signed by %(name)s on %(time)s.") % signed


def _parts(release: Release, contents: Contents, reader: Reader) -> list[dict[str, Any]]:
    """What there is of: words for the patient, the note, what to do, visits to come."""
    locale = reader.locale
    _ = locale.gettext
    visits = [locale.format_datetime(each.starts_at, reader.zone) for each in contents.appointments]
    tasks = [f"{_task(each, locale)}, {locale.format_date(each.due_at, reader.zone)}" for each in contents.tasks]
    told = [
        (_("For you, from %(name)s") % {"name": release.author_name}, release.words_language, _words(contents.words)),
        (_("From the note of your visit"), release.note_language, _passages(contents.passages)),
        (_("What to do"), "", _items(tasks)),
        (_("Your next visits"), "", _items(visits)),
    ]
    return [
        {"title": title, "lang": language.partition("-")[0].lower(), "blocks": found, "signed": ""}
        for title, language, found in told
        if found
    ]


def _task(task: Task, locale: Locale) -> str:
    _ = locale.gettext
    kinds = {
        "call": _("Call"),
        "rebook": _("Book again"),
        "lab": _("Laboratory"),
        "imaging": _("Imaging"),
        "questionnaire": _("Questions to answer"),
        "medication": _("Check the medication"),
        "referral": _("Referral"),
        "message": _("Write a message"),
    }
    return task.title or kinds.get(task.kind, _("Task"))


def _words(text: str) -> list[dict[str, Any]]:
    return blocks(parse(text), below=1)


def _passages(passages: Sequence[Passage]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for each in passages:
        if each.title:
            found.append({"kind": "heading", "level": 2, "parts": [_text(each.title)]})
        found += blocks(parse(each.text), below=2 if each.title else 1)
    return found


def _items(lines: Sequence[str]) -> list[dict[str, Any]]:
    listed = [[{"kind": "paragraph", "parts": [_text(line)]}] for line in lines]
    return [{"kind": "items", "first": None, "items": listed}] if listed else []


def _text(text: str) -> dict[str, str]:
    return {"kind": "text", "text": text}

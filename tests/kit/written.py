"""Every text of the house written for readers in six zones, around both clock changes, and the snapshots of that.

`tests/notifications/snapshots/<language>.txt` has the times of each zone, and each text once with names where times
stand: what is sent is the one put into the other. `python -m tests.kit.written --write` renews them.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from telehealth.core.actors import Role
from telehealth.core.ids import (
    ClinicianId,
    MessageId,
    OfferId,
    PatientId,
    VisitId,
    VisitTypeId,
    WaitlistEntryId,
)
from telehealth.http.locales import LANGUAGES, Locale, Locales
from telehealth.notifications.headlines import CallDesk, PushDesk
from telehealth.notifications.kinds import About, Whom, about
from telehealth.notifications.letters import Desk
from telehealth.notifications.ports import Mail
from telehealth.notifications.rules import Channel, Facts, Message, MessageKind, OfferedTime, Reader
from telehealth.notifications.slots import ALL, Words
from telehealth.notifications.texts import TextDesk
from telehealth.notifications.trial import CLINICIAN, NAMES, SECRET, ZONES
from telehealth.people.rules import Clinic
from telehealth.scheduling.waitlist.rules import Offer, OfferMode
from telehealth.visits.lifecycle.rules import Visit, VisitStatus

PLACE = Path(__file__).parent.parent / "notifications" / "snapshots"
HOME = "https://visits.riverside-clinic.example"
CLINIC = Clinic("Riverside Clinic", "+1 555 0100", "America/Chicago")
ROLES = {Whom.PATIENT: Role.PATIENT, Whom.COMPANION: Role.GUEST, Whom.STAFF: Role.CLINICIAN}
UNCHANGED = (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC))
THERE = "UTC"  # where the clinician of an offered time is
_ID = UUID(int=7)


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """When the clocks change there in 2026; Europe's days where they do not."""
    local, hour = ZoneInfo(zone), timedelta(minutes=30)
    steps = (datetime(2026, 1, 1, tzinfo=UTC) + number * hour for number in range(365 * 48))
    found = [at for at in steps if _offset(at, local) != _offset(at - hour, local)]
    return tuple(found) or UNCHANGED


def instants(zone: str) -> Iterator[datetime]:
    """The last minute before each change, and the first after it."""
    for at in changes(zone):
        yield from (at - timedelta(minutes=1), at)


def times(locale: Locale, zone: str, at: datetime) -> tuple[str, str]:
    """In a mail and in a text message."""
    return locale.format_datetime(at, ZoneInfo(zone)), locale.format_brief(at, ZoneInfo(zone))


def visit(at: datetime, zone: str, *, revision: int = 1, status: VisitStatus = VisitStatus.BOOKED) -> Visit:
    """Twenty minutes at that instant."""
    return Visit(
        id=VisitId(_ID),
        patient_id=PatientId(_ID),
        clinician_id=ClinicianId(_ID),
        visit_type_id=VisitTypeId(_ID),
        visit_type="video",
        status=status,
        starts_at=at,
        ends_at=at + timedelta(minutes=20),
        opens_at=at - timedelta(minutes=15),
        closes_at=at + timedelta(hours=1),
        time_zone=zone,
        revision=revision,
        changed_at=at,
    )


def facts(words: Words, language: str, zone: str, at: datetime) -> Facts:
    """What such a message would be written from, all its times that one."""
    path = f"/invited/{SECRET}" if words.whom is Whom.COMPANION else f"/join/{SECRET}"
    return Facts(
        message=_message(words, at),
        reader=Reader(NAMES[language], "reader@home.example", language, zone, "+12025550143"),
        visit=visit(at, zone) if about(words.kind) is About.VISIT else None,
        offered=_offered(at) if words.kind is MessageKind.OFFER else None,
        clinician=CLINICIAN,
        clinic=CLINIC,
        path="" if words.kind is MessageKind.CANCELLATION else path,
        until=at,
        delay=20 if words.kind is MessageKind.RUNNING_LATE else 0,
    )


def mail(told: Facts) -> Mail:
    return Desk(locales=Locales.load(), public_url=HOME, mail_from="visits@clinic.example").write(
        told, now=datetime(2026, 1, 2, tzinfo=UTC)
    )


def sent(told: Facts) -> str:
    """A text message and a call as they are, a notification under its title, a mail under its subject."""
    locales = Locales.load()
    if told.message.channel is Channel.PUSH:
        shown = json.loads(PushDesk(locales=locales, key="k").write(told, now=told.message.due_at).words)
        return f"{shown['title']}\n\n{shown['body']}"
    if told.message.channel is Channel.PHONE:
        return CallDesk(locales=locales, region="US").write(told).words
    if told.message.channel is Channel.SMS:
        return TextDesk(locales=Locales.load(), public_url=HOME, region="US").write(told).text
    written = mail(told)
    return f"Subject: {written.subject}\n\n{written.text}".rstrip("\n")


def snapshot(language: str) -> str:
    """The file of a language, as it is now."""
    locale = Locales.load().get(language)
    lines = ["# What is sent, without its times; `python -m tests.kit.written --write` writes it.", ""]
    for zone in ZONES:
        lines.append(f"= {zone}")
        for at in instants(zone):
            full, brief = times(locale, zone, at)
            lines.append(f"{at:%Y-%m-%dT%H:%MZ} | {full} | {brief} | {times(locale, THERE, at)[0]}")
        lines.append("")
    for words in ALL:
        lines += [f"= {words.name}", _without_times(words, language), ""]
    return "\n".join(lines)


def kept(language: str) -> tuple[Mapping[tuple[str, str], tuple[str, str, str]], Mapping[str, str]]:
    """Of the snapshot: times by zone and instant, texts by name."""
    parts = re.split(r"(?m)^= (.*)\n", (PLACE / f"{language}.txt").read_text("utf-8"))[1:]
    found = {name: body.strip("\n") for name, body in zip(parts[::2], parts[1::2], strict=True)}
    clock: dict[tuple[str, str], tuple[str, str, str]] = {}
    for zone in ZONES:
        for line in found.pop(zone).split("\n"):
            at, full, brief, there = line.split(" | ")
            clock[zone, at] = full, brief, there
    return clock, found


def _without_times(words: Words, language: str) -> str:
    zone, at = ZONES[0], changes(ZONES[0])[0]
    locale = Locales.load().get(language)
    full, brief = times(locale, zone, at)
    text = sent(facts(words, language, zone, at))
    for said, name in ((full, "<when>"), (brief, "<when>"), (times(locale, THERE, at)[0], "<there>")):
        text = text.replace(said, name)
    return text


def _message(words: Words, at: datetime) -> Message:
    return Message(
        id=MessageId(_ID),
        kind=words.kind,
        channel=words.channel,
        subject_id=_ID,
        recipient_role=ROLES[words.whom],
        recipient_id=_ID,
        due_at=at,
        attempt=1,
        visit_at=at,
    )


def _offered(at: datetime) -> OfferedTime:
    offer = Offer(
        id=OfferId(_ID),
        round_id=_ID,
        entry_id=WaitlistEntryId(_ID),
        patient_id=PatientId(_ID),
        mode=OfferMode.EXCLUSIVE,
        clinician_id=ClinicianId(_ID),
        visit_type_id=VisitTypeId(_ID),
        start=at,
        end=at + timedelta(minutes=20),
        expires_at=at,
    )
    return OfferedTime(offer=offer, time_zone=THERE, instead_of=at)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta | None:
    return at.astimezone(zone).utcoffset()


def main() -> None:
    if sys.argv[1:] != ["--write"]:
        raise SystemExit("python -m tests.kit.written --write")
    for language in LANGUAGES:
        (PLACE / f"{language}.txt").write_text(snapshot(language), "utf-8")


if __name__ == "__main__":
    main()

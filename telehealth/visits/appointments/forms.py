"""The forms and queries of the pages on which times are chosen."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal
from urllib.parse import urlencode
from uuid import UUID

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from telehealth.core.ids import ClinicianId
from telehealth.core.time import parse_zone
from telehealth.http.schemas import FieldError, Instant, Message
from telehealth.people.schemas import Jurisdiction
from telehealth.visits.lifecycle.schemas import Day, Typed

CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAY = TypeAdapter[date](Day)


def as_typed(words: object) -> object:
    """A line that ends counts once, as it did where it was typed: browsers send two characters."""
    return words.replace("\r\n", "\n") if isinstance(words, str) else words


def _empty_is_none(typed: object) -> object:
    return None if typed == "" else typed


def _several_is_none(typed: object) -> object:
    return None if typed == "several" else typed


def _any_day(typed: object) -> object:
    """A field that was emptied, or a year nobody can mean, is no day: the list begins today, and nothing is refused."""
    try:
        return DAY.validate_python(typed)
    except ValidationError:
        return None


Place = Annotated[Jurisdiction | None, BeforeValidator(_empty_is_none)]
Anyone = Annotated[UUID | None, BeforeValidator(_empty_is_none)]
MaybeDay = Annotated[Day | None, BeforeValidator(_any_day)]
MaybeZone = Annotated[str | None, Field(max_length=64), BeforeValidator(_empty_is_none)]


class TimesQuery(Message):
    """What and with whom (anyone when empty), where the patient will be, and the local day the list begins.

    `invited` is an invitation that has just been sent.
    """

    visit_type: UUID | None = None
    clinician: Anyone = None
    location: Place = None
    day: MaybeDay = None
    invited: UUID | None = None
    lang: str | None = None


class ChosenTime(Message):
    """`offer` is the start, as the page listed it."""

    offer: Instant
    visit_type: UUID
    clinician: Anyone = None
    location: Place = None


class OtherTime(Message):
    """A time of the desk's own, booked over whatever is there, with the reason why."""

    visit_type: UUID
    location: Place = None
    other_clinician: Anyone = None
    other_day: Typed = ""
    other_time: Typed = ""
    other_reason: Annotated[str, Field(max_length=500)] = ""

    def shown(self) -> dict[str, str]:
        names = ("other_day", "other_time", "other_reason")
        return {name: str(getattr(self, name)) for name in names} | {"other_clinician": str(self.other_clinician or "")}

    def read(self, zone: str) -> tuple[datetime | None, list[FieldError]]:
        """The instant of that reading of the clock in `zone`, and what is wrong with the form."""
        required = {"other_clinician": self.other_clinician, "other_reason": self.other_reason.strip()}
        errors = [FieldError(name, "required") for name, value in required.items() if not value]
        for name, pattern in (("other_day", DATE), ("other_time", CLOCK)):
            typed = str(getattr(self, name))
            if not pattern.fullmatch(typed):
                errors.append(FieldError(name, "invalid" if typed else "required"))
        start = None if errors else self._start(zone)
        return start, errors if errors or start else [FieldError("other_time", "invalid")]

    def _start(self, zone: str) -> datetime | None:
        """None for a date there is not, or a time the clocks skip."""
        try:
            day, clock = date.fromisoformat(self.other_day), time.fromisoformat(self.other_time)
        except ValueError:
            return None
        if not 2000 <= day.year < 2200:
            return None
        meant = datetime.combine(day, clock, parse_zone(zone))
        start = meant.astimezone(UTC)
        return start if start.astimezone(meant.tzinfo).replace(tzinfo=None) == meant.replace(tzinfo=None) else None


class SendInvitation(Message):
    """From the desk's page: what the patient may choose a time for, and with whom (anyone when empty).

    `press` is another for each time the page is shown: one press sends one link.
    """

    press: UUID
    visit_type: UUID
    clinician: Anyone = None


class InviteToBook(Message):
    """Ask a patient to choose a time of a kind of visit, with any of these clinicians; none named is anyone."""

    patient_id: UUID
    visit_type_id: UUID
    clinician_ids: Annotated[tuple[ClinicianId, ...], Field(max_length=50)] = ()
    valid_days: Annotated[int, Field(ge=1, le=90)] = 14


class InvitationView(Message):
    """`link` is the patient's own address to choose a time; it asks for the date of birth."""

    id: UUID
    patient_id: UUID
    visit_type_id: UUID
    clinician_ids: tuple[UUID, ...]
    expires_at: datetime
    link: str


class OwnTimesQuery(Message):
    """The day the list begins, the zone it is read in, and where the patient will be at the time of the visit."""

    day: MaybeDay = None
    zone: MaybeZone = None
    location: Place = None
    lang: str | None = None

    def shown(self, **more: str) -> dict[str, str]:
        """The query of the same list, with more."""
        shown = {"day": self.day.isoformat() if self.day else "", "zone": self.zone or "", **more}
        return {name: value for name, value in shown.items() if value}

    def again(self, **more: str) -> str:
        return urlencode(self.shown(**more))


class ChosenQuery(OwnTimesQuery):
    """The same, with the start that was chosen from the list; without it that is shown again."""

    offer: Instant | None = None


class OwnTime(Message):
    """`offer` is the start, as the page listed it."""

    offer: Instant


class MovedTime(OwnTime):
    """`was` is the present time as it was shown beside the offer, `who` the clinician, none when it can be several
    ("several" in the form); without either nobody has been asked yet.
    """

    was: Instant | None = None
    who: Annotated[ClinicianId | None, BeforeValidator(_several_is_none)] = None


class CallOff(Message):
    """That a patient cancels, and why, if they care to say."""

    sure: Literal["yes"]
    words: Annotated[str, BeforeValidator(as_typed), Field(max_length=500)] = ""

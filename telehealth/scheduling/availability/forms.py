"""The forms of the hours page beside the weekly hours: one date, time off, a journey. Each field as it was typed."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field

from telehealth.core.intervals import Interval
from telehealth.core.time import ZONES
from telehealth.http.schemas import FieldError, Message
from telehealth.scheduling.availability.rules import DAY, Minutes, Override, TimeOff, Travel, to_minute
from telehealth.scheduling.availability.schemas import CLOCK, DATE, PRINTED, minute_of_day

Typed = Annotated[str, Field(max_length=64)]
ZoneOn = Callable[[date], ZoneInfo]


class TypedForm(Message):
    def shown(self) -> dict[str, str]:
        """The fields as they were typed."""
        return {name: str(getattr(self, name)) for name in type(self).model_fields}


class DayForm(TypedForm):
    """The hours of one date, in place of its weekly ones; with `closed` none, whatever else was typed."""

    day_date: Typed = ""
    day_from_a: Typed = ""
    day_to_a: Typed = ""
    day_from_b: Typed = ""
    day_to_b: Typed = ""
    closed: Typed = ""

    def read(self) -> Override | list[FieldError]:
        day, errors = _date("day_date", self.day_date)
        windows: list[Minutes] = []
        for part in () if self.closed else "ab":
            window = self._window(part)
            if isinstance(window, FieldError):
                errors.append(window)
            elif window is not None:
                windows.append(window)
        if not (self.closed or windows or errors):
            errors = [FieldError("day_from_a", "required")]
        return errors if errors or day is None else Override(day, tuple(sorted(windows)))

    def _window(self, part: str) -> Minutes | FieldError | None:
        start, end = f"day_from_{part}", f"day_to_{part}"
        typed = {name: str(getattr(self, name)) for name in (start, end)}
        if not any(typed.values()):
            return None
        for name, clock in typed.items():
            if not CLOCK.fullmatch(clock):
                return FieldError(name, "invalid" if clock else "required")
        first, last = minute_of_day(typed[start]), minute_of_day(typed[end])
        last = last or DAY  # 00:00 as an end is the midnight that ends the day
        return Interval(first, last) if first < last else FieldError(end, "order")


class AwayForm(TypedForm):
    """Time off: whole dates, or with both times from the one to the other; the last date is the first when empty."""

    away_first: Typed = ""
    away_from: Typed = ""
    away_last: Typed = ""
    away_to: Typed = ""
    away_reason: Annotated[str, Field(max_length=200, pattern=PRINTED)] = ""

    def read(self, zone_on: ZoneOn) -> TimeOff | list[FieldError]:
        """`zone_on` is where the clinician is on a date."""
        first, errors = _date("away_first", self.away_first)
        last, wrong = _date("away_last", self.away_last or self.away_first)
        errors += [each for each in wrong if self.away_last or not errors]
        errors += self._wrong_times()
        if errors or first is None or last is None:
            return errors
        reason = self.away_reason.strip()
        if not self.away_from:
            return [FieldError("away_last", "order")] if last < first else TimeOff(None, first, last, reason=reason)
        start, end = (_minute(*each, zone_on) for each in ((first, self.away_from), (last, self.away_to)))
        return TimeOff(Interval(start, end), reason=reason) if start < end else [FieldError("away_to", "order")]

    def _wrong_times(self) -> Iterator[FieldError]:
        for name in ("away_from", "away_to") if self.away_from or self.away_to else ():
            clock = str(getattr(self, name))
            if not CLOCK.fullmatch(clock):
                yield FieldError(name, "invalid" if clock else "required")


class TripForm(TypedForm):
    """On these dates the hours are meant in that zone; the last date is the first when empty."""

    trip_first: Typed = ""
    trip_last: Typed = ""
    trip_zone: Typed = ""

    def read(self) -> Travel | list[FieldError]:
        first, errors = _date("trip_first", self.trip_first)
        last, wrong = _date("trip_last", self.trip_last or self.trip_first)
        errors += [each for each in wrong if self.trip_last]
        if self.trip_zone not in ZONES:
            errors.append(FieldError("trip_zone", "invalid" if self.trip_zone else "required"))
        if errors or first is None or last is None:
            return errors
        return [FieldError("trip_last", "order")] if last < first else Travel(first, last, self.trip_zone)


class DayGone(Message):
    day: date


class AwayGone(Message):
    id: UUID


class TripGone(Message):
    first: date


def _date(name: str, typed: str) -> tuple[date | None, list[FieldError]]:
    if not typed:
        return None, [FieldError(name, "required")]
    try:
        found = date.fromisoformat(typed) if DATE.fullmatch(typed) else None
    except ValueError:
        found = None
    return found, [] if found else [FieldError(name, "invalid")]


def _minute(day: date, clock: str, zone_on: ZoneOn) -> int:
    """The reading of the clock there; one that is skipped is taken as the hour after, a repeated one as the first."""
    minute = minute_of_day(clock)
    return to_minute(datetime.combine(day, time(minute // 60, minute % 60), zone_on(day)))

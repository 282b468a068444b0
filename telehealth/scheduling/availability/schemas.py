"""What availability says and hears on the wire."""

import re
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from telehealth.http.schemas import FieldError, Message
from telehealth.scheduling.availability.rules import DAY, Rule, WeeklyHours, order

CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
EndTime = Annotated[str, Field(pattern=r"^(([0-3][0-9]|4[0-7]):[0-5][0-9]|48:00)$")]
ZoneName = Annotated[str, Field(min_length=1, max_length=64)]
PARTS = "ab"
EDGES = tuple(f"{edge}_{day}{part}" for day in range(1, 8) for part in PARTS for edge in ("from", "to"))


class HoursWindow(Message):
    """Local clock times; an end past 24:00 is on the next day. Weekday 1 is Monday."""

    weekday: Annotated[int, Field(ge=1, le=7)]
    start: ClockTime
    end: EndTime

    def window(self) -> Rule:
        return Rule(self.weekday, minute_of_day(self.start), minute_of_day(self.end))

    @classmethod
    def of(cls, window: Rule) -> Self:
        return cls(weekday=window.weekday, start=clock_time(window.start), end=clock_time(window.end))


class Hours(Message):
    time_zone: ZoneName
    windows: Annotated[list[HoursWindow], Field(max_length=70)]

    def weekly(self) -> WeeklyHours:
        return WeeklyHours(self.time_zone, tuple(sorted((each.window() for each in self.windows), key=order)))

    @classmethod
    def of(cls, hours: WeeklyHours) -> Self:
        return cls(time_zone=hours.time_zone, windows=[HoursWindow.of(each) for each in hours.rules])


class HoursQuery(Message):
    """`saved=1` after a form was taken; `lang` chooses the page's language."""

    saved: bool = False
    lang: str | None = None


class HoursForm(Message):
    """The page's fields: `zone`, and `from_1a`, `to_1a` … `to_7b` as HH:MM; what is empty is left out."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[str, Field(max_length=8)]] = Field(init=False)

    zone: ZoneName

    @model_validator(mode="after")
    def _know_the_fields(self) -> Self:
        if not set(self.shown()) <= {"zone", *EDGES}:
            raise ValueError("there is a field that is not on the page")
        return self

    def shown(self) -> dict[str, str]:
        """The fields as they were typed."""
        return {"zone": self.zone, **(self.__pydantic_extra__ or {})}

    def read(self) -> tuple[WeeklyHours, list[FieldError]]:
        """The hours the form states, and what is wrong with them."""
        windows, errors = [], []
        for day in range(1, 8):
            for part in PARTS:
                window = self._window(day, part)
                if isinstance(window, FieldError):
                    errors.append(window)
                elif window is not None:
                    windows.append(window)
        return WeeklyHours(self.zone, tuple(sorted(windows, key=order))), errors

    def _window(self, day: int, part: str) -> Rule | FieldError | None:
        shown = self.shown()
        names = [f"{edge}_{day}{part}" for edge in ("from", "to")]
        missing = [name for name in names if name not in shown]
        if len(missing) == 2:
            return None
        if missing:
            return FieldError(missing[0], "required")
        wrong = next((name for name in names if not CLOCK.fullmatch(shown[name])), None)
        if wrong:
            return FieldError(wrong, "invalid")
        start, end = (minute_of_day(shown[name]) for name in names)
        end = end or DAY  # 00:00 as an end is the midnight that ends the day
        return Rule(day, start, end) if start < end else FieldError(names[1], "order")


def hours_as_form(hours: WeeklyHours) -> dict[str, str]:
    """What the page shows of published hours: the first two windows of each day."""
    shown = {"zone": hours.time_zone}
    for day in range(1, 8):
        of_day = [window for window in hours.rules if window.weekday == day]
        for part, window in zip(PARTS, of_day, strict=False):
            shown[f"from_{day}{part}"] = clock_time(window.start)
            shown[f"to_{day}{part}"] = clock_time(window.end % DAY)
    return shown


def minute_of_day(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def clock_time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"

"""Time: aware UTC instants inside, IANA zones at the edge. The only module that reads the machine's clock."""

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Protocol
from zoneinfo import TZPATH, ZoneInfo, ZoneInfoNotFoundError, available_timezones

ZONES = tuple(
    sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
)


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved: for tests and replays."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> None:
        self._at += by


def parse_zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises ValueError when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: names such as "." reach the file system
        raise ValueError("not an IANA time zone") from None


@cache
def tzdata_version() -> str:
    """The release of the zone rules that clock readings are turned into instants with, such as 2026a.

    Zones are read from the system's directories first and from the tzdata package after them (zoneinfo does so);
    both keep the name of their release in the first line of tzdata.zi.
    """
    kept = (Path(directory) / "tzdata.zi" for directory in TZPATH)
    found = next((path for path in kept if path.is_file()), None)
    text = found.read_text() if found else (files("tzdata") / "zoneinfo" / "tzdata.zi").read_text()
    return text.partition("\n")[0].removeprefix("# version ").strip()

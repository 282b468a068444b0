"""What the house decides about free times that everyone may see."""

from asyncio import Lock
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Publication:
    """Files by name, as they have been since `published_at`; looked at again at `checked_at`."""

    files: Mapping[str, bytes]
    published_at: datetime
    checked_at: datetime


@dataclass(slots=True)
class SchedulingLinks:
    """Whether free times are published, of which visit types (no code: of all), and the page that books them.

    `latest` is what was published last; it is made anew by one at a time.
    """

    on: bool = False
    codes: frozenset[str] = frozenset()
    booking_url: str = ""
    latest: Publication | None = None
    lock: Lock = field(default_factory=Lock)

"""What bootstrap tells this package."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FollowUpSpeed:
    """Follow-up time runs so many times as fast as the clock; anything but 1 is for demonstrations."""

    factor: float = 1.0

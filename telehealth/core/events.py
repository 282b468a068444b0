"""Events: past tense, ids only. A lower floor emits, a higher floor subscribes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Fields are UUID, str, int, bool, datetime or None: an event travels as JSON and never carries health data."""

    def topics(self) -> tuple[str, ...]:
        """Whom to wake at once, such as `visit:<id>`; an open page listens to topics."""
        return ()

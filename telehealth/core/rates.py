"""How much may go to somebody else's server: a token bucket, pure, for whoever keeps it in a row."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens for what may go out: `rate` a second, a second's worth at most; without a rate there is always enough.

    It is kept in a row, so that all workers take from the same one.
    """

    rate: float | None
    tokens: float = 0.0
    filled_at: datetime | None = None

    def filled(self, now: datetime) -> "Bucket":
        if self.rate is None:
            return self
        most = max(1.0, self.rate)
        if self.filled_at is None:
            return Bucket(self.rate, most, now)
        passed = max(timedelta(), now - self.filled_at).total_seconds()
        return Bucket(self.rate, min(most, self.tokens + passed * self.rate), now)

    def holds(self, wanted: int) -> int:
        """How many of these may go now."""
        return wanted if self.rate is None else min(wanted, int(self.tokens))

    def without(self, taken: int) -> "Bucket":
        return Bucket(self.rate, self.tokens - taken if self.rate is not None else self.tokens, self.filled_at)

"""What can be refused, in the words of the person who hears it. Transport maps the kind, never the class."""

from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    MALFORMED = "malformed"
    INVALID = "invalid"
    TOO_LARGE = "too-large"
    UNIDENTIFIED = "unidentified"
    FORBIDDEN = "forbidden"
    ABSENT = "absent"
    CONFLICT = "conflict"
    STALE = "stale"
    UNCONDITIONAL = "unconditional"
    GONE = "gone"
    BUSY = "busy"
    AWAY = "away"


class Refusal(Exception):
    """A domain error: `kind` decides the answer's class, `slug` is stable for programs, `title` is for people.

    `extras` become members of the problem document (RFC 9457, section 3.2) and never hold health data.
    """

    kind: ClassVar[Kind]
    slug: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str = "", **extras: object) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.extras = extras


class NotFound(Refusal):
    """Absent and not-yours are one and the same answer."""

    kind, slug, title = Kind.ABSENT, "not-found", "There is nothing here for you"


class NotSignedIn(Refusal):
    kind, slug, title = Kind.UNIDENTIFIED, "not-signed-in", "Sign in first"


class NotAllowed(Refusal):
    kind, slug, title = Kind.FORBIDDEN, "not-allowed", "Your credential does not allow this"


class OpenedElsewhere(Refusal):
    kind, slug, title = Kind.CONFLICT, "opened-elsewhere", "The same link was opened on another device since"


class Stale(Refusal):
    kind, slug, title = Kind.STALE, "stale", "It was changed elsewhere since you read it"


class Overloaded(Refusal):
    """Nothing was done. `retry_after` says in how many seconds to send it again."""

    kind, slug, title = Kind.BUSY, "overloaded", "Too much is going on right now"


class ConditionMissing(Refusal):
    kind, slug, title = Kind.UNCONDITIONAL, "condition-missing", "Say which version you mean with If-Match"

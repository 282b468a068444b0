"""What the web process allows one person to do at the media node: a grant, signed there and checked here.

The signing twin is telehealth/video/media_grants.py, the checking twin telehealth/media/grants.py; both use this form.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NewType
from uuid import UUID

MediaSessionId = NewType("MediaSessionId", UUID)

ALGORITHM = "Ed25519"  # RFC 9864, section 2.2
AUDIENCE = "telehealth-media"
TOKEN_TYPE = "media-grant+jwt"  # noqa: S105 - a media type: no other token of ours passes for a grant (RFC 8725, 3.11)
LONGEST_LIFE = timedelta(seconds=60)
LONGEST_NAME = 128
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


class GrantKind(StrEnum):
    """What a session is for: the pre-call check, or to send to a room, to receive what is in it, to record it,
    or to write down what is said there for all to read.
    """

    PRECHECK = "precheck"
    SEND = "send"
    RECEIVE = "receive"
    RECORD = "record"
    CAPTION = "caption"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A room, at one time of its life: a room that moves to another media node has a greater `epoch` there."""

    room: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaGrant:
    """One use (`jti`) of one session by one person (`sub`: opaque to the media node), until `expires_at`.

    `place` is there for sessions of a room and for no others; `sub` is the participant's name in it. `vouched`: the
    connection lasts only as long as somebody looks at it again and again with such a grant.
    """

    session: MediaSessionId
    kind: GrantKind
    sub: str
    jti: str
    expires_at: datetime
    place: Place | None = None
    vouched: bool = False

    def __post_init__(self) -> None:
        if (self.place is None) is not (self.kind is GrantKind.PRECHECK):
            raise ValueError("a grant for a room names it, and no other does")

    def claims(self) -> dict[str, str | int]:
        """The claims of the signed form (RFC 7519, section 4)."""
        place: dict[str, str | int] = {"room": self.place.room, "epoch": self.place.epoch} if self.place else {}
        vouched: dict[str, str | int] = {"vouched": True} if self.vouched else {}
        return (
            place
            | vouched
            | {
                "aud": AUDIENCE,
                "sub": self.sub,
                "jti": self.jti,
                "exp": int(self.expires_at.timestamp()),
                "sid": str(self.session),
                "kind": self.kind.value,
            }
        )

    @classmethod
    def from_claims(cls, claims: Mapping[str, object]) -> "MediaGrant":
        """The grant those claims state. Raises ValueError when one is missing, misshapen or for another reader."""
        match claims:
            case {"aud": aud, "sub": str(sub), "jti": str(jti), "exp": int(exp), "sid": str(sid), "kind": str(kind)}:
                if aud != AUDIENCE or not 0 < len(sub) <= LONGEST_NAME or not 0 < len(jti) <= LONGEST_NAME:
                    raise ValueError("not the claims of a media grant")
                session, expires_at = MediaSessionId(UUID(sid)), _instant(exp)
                return cls(
                    session=session,
                    kind=GrantKind(kind),
                    sub=sub,
                    jti=jti,
                    expires_at=expires_at,
                    place=_place(claims),
                    vouched=claims.get("vouched") is True,
                )
            case _:
                raise ValueError("not the claims of a media grant")


def _place(claims: Mapping[str, object]) -> Place | None:
    match claims.get("room"), claims.get("epoch"):
        case None, None:
            return None
        case str(room), int(epoch) if _NAME.fullmatch(room) and 0 <= epoch < 1 << 53:
            return Place(room=room, epoch=epoch)
        case _:
            raise ValueError("not a place")


def _instant(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError("not an instant") from None

"""What the web process allows one person to do at the media node: a grant, signed there and checked here.

The signing twin is telehealth/video/media_grants.py, the checking twin telehealth/media/grants.py; both use this form.
"""

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


class GrantKind(StrEnum):
    PRECHECK = "precheck"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaGrant:
    """One use (`jti`) of one session by one person (`sub`: opaque to the media node), until `expires_at`."""

    session: MediaSessionId
    kind: GrantKind
    sub: str
    jti: str
    expires_at: datetime

    def claims(self) -> dict[str, str | int]:
        """The claims of the signed form (RFC 7519, section 4)."""
        return {
            "aud": AUDIENCE,
            "sub": self.sub,
            "jti": self.jti,
            "exp": int(self.expires_at.timestamp()),
            "sid": str(self.session),
            "kind": self.kind.value,
        }

    @classmethod
    def from_claims(cls, claims: Mapping[str, object]) -> "MediaGrant":
        """The grant those claims state. Raises ValueError when one is missing, misshapen or for another reader."""
        match claims:
            case {"aud": aud, "sub": str(sub), "jti": str(jti), "exp": int(exp), "sid": str(sid), "kind": str(kind)}:
                if aud != AUDIENCE or not 0 < len(sub) <= LONGEST_NAME or not 0 < len(jti) <= LONGEST_NAME:
                    raise ValueError("not the claims of a media grant")
                session, expires_at = MediaSessionId(UUID(sid)), _instant(exp)
                return cls(session=session, kind=GrantKind(kind), sub=sub, jti=jti, expires_at=expires_at)
            case _:
                raise ValueError("not the claims of a media grant")


def _instant(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError):
        raise ValueError("not an instant") from None

"""Fragments of session descriptions about ICE alone (RFC 8840, section 9), which WHIP and WHEP patch with. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from telehealth.core.errors import Kind, Refusal

MEDIA_TYPE = "application/trickle-ice-sdpfrag"
LARGEST = 16_384
_TEXT = re.compile(r"[\r\n\x20-\x7e]*")
_LINE = re.compile(r"[a-z]=.+")
_FRAGMENT = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839, section 5.4
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_TOKEN = re.compile(r"[A-Za-z0-9_\-{}.]{1,64}")
_MEDIA = re.compile(r"m=(audio|video|application) [ -~]{1,200}")


class FragmentMalformed(Refusal):
    kind, slug, title = Kind.MALFORMED, "fragment-malformed", "This is not a fragment of a session description"


@dataclass(frozen=True, slots=True)
class Fragment:
    """The sender's ICE credentials, where it tells them, and the media section it speaks of."""

    fragment: str | None
    password: str | None
    media: str
    mid: str


def read(text: str) -> Fragment:
    """Raises FragmentMalformed. Candidates are left out: a lite agent sends no checks (RFC 8445, section 2.5)."""
    if len(text) > LARGEST or not _TEXT.fullmatch(text):
        raise FragmentMalformed
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or not all(map(_LINE.fullmatch, lines)):
        raise FragmentMalformed
    media = next((line for line in lines if line.startswith("m=")), "m=audio 9 UDP/TLS/RTP/SAVPF 0")
    fragment, password = _value(lines, "ice-ufrag", _FRAGMENT), _value(lines, "ice-pwd", _PASSWORD)
    mid = _value(lines, "mid", _TOKEN) or "0"
    if not _MEDIA.fullmatch(media) or (fragment is None) is not (password is None):
        raise FragmentMalformed
    return Fragment(fragment, password, media, mid)


def render(asked: Fragment, *, fragment: str, password: str, candidates: Sequence[str]) -> str:
    """The answer to an ICE restart (RFC 9725, section 4.3.3): new credentials and candidates, for the same section."""
    lines = [
        "a=ice-lite",
        f"a=ice-ufrag:{fragment}",
        f"a=ice-pwd:{password}",
        asked.media,
        f"a=mid:{asked.mid}",
        *candidates,
    ]
    return "\r\n".join(lines) + "\r\n"


def _value(lines: Sequence[str], name: str, grammar: re.Pattern[str]) -> str | None:
    start = f"a={name}:"
    found = [line.removeprefix(start) for line in lines if line.startswith(start)]
    if not all(map(grammar.fullmatch, found)):
        raise FragmentMalformed
    return found[0] if found else None

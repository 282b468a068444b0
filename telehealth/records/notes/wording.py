"""What a note's text may be made of, whoever typed or pasted it. Pure."""

import unicodedata

# Overrides and embeddings make a text read otherwise than it is stored (UAX #9); marks and isolates do not.
_TURNING: dict[int, str] = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e"), "")
_BREAKS = {ord("\u2028"): "\n", ord("\u2029"): "\n", ord("\x85"): "\n", ord("\v"): "\n", ord("\f"): "\n"}


def cleaned(text: str) -> str:
    """NFC, lines that end in LF, without control characters (TAB and LF stay), lone surrogates and turned text."""
    one = text.replace("\r\n", "\n").replace("\r", "\n").translate(_BREAKS | _TURNING)
    kept = (c for c in one if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    return unicodedata.normalize("NFC", "".join(kept))

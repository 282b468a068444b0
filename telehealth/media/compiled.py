"""The compiled twin of what forwards packets: the same sources, made into machine code by mypyc. Never needed.

One text is both: what the tests of the sources show holds for the twin, and the same tests are run against it. It is
used when it was made of just these sources by this interpreter; else the sources are.
"""

import hashlib
import sys
from pathlib import Path
from typing import Final

from telehealth import media

MODULES: Final = (
    "malformed",
    "parse",
    "rtp",
    "rtcp",
    "keyframes",
    "receiving",
    "sending",
    "tracks",
    "layers",
    "feedback",
    "transport_feedback",
    "forward",
    "drops",
    "stun",
    "secure",
    "lanes",
    "gathering",
    "datagrams",
    "mux",
    "transport",
    "echo",
    "publisher",
    "subscriber",
)
SOURCES: Final = tuple(Path(__file__).with_name(f"{each}.py") for each in MODULES)
NATIVE: Final = tuple(Path(__file__).with_name(each) for each in ("lanes.h", "lanes.c"))
PLACE: Final = Path(sys.prefix, "lib", "telehealth-media")
STAMP: Final = "made-of"


def prefer(place: Path = PLACE) -> bool:
    """Lets modules that are imported from now on be the compiled ones. False where there are none of these sources."""
    if not is_current(place):
        return False
    media.__path__.insert(0, str(place / "telehealth" / "media"))
    sys.path.append(str(place))  # what the compiled modules have in common
    return True


def is_current(place: Path = PLACE) -> bool:
    try:
        return (place / STAMP).read_text() == stamp()
    except OSError:
        return False


def stamp() -> str:
    """What a twin is made of."""
    whole = hashlib.sha256(sys.version.encode())
    for source in (*SOURCES, *NATIVE):
        whole.update(source.read_bytes())
    return whole.hexdigest()

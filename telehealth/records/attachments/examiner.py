"""Has files opened in a process of its own (cleaning.py): without our environment, and ended when it takes too long."""

import asyncio
import json
import signal
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from telehealth.records.attachments.ports import Cleaned, NotExamined
from telehealth.records.attachments.rules import EXAMINING_SECONDS, FileType, Unfit, UnfitFile

AT_ONCE = 2
ROOT = Path(__file__).parents[3]


class ProcessExaminer:
    """`Examiner` with a process for each file, two at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    def turn(self) -> AbstractAsyncContextManager[None]:
        return self._turns

    async def clean(self, content: bytes, *, taken: frozenset[FileType]) -> Cleaned:
        return await asyncio.to_thread(_clean, content, taken)


def _clean(content: bytes, taken: frozenset[FileType]) -> Cleaned:
    command = [sys.executable, "-P", "-m", "telehealth.records.attachments.cleaning", ",".join(sorted(taken))]
    environment = {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 -- our own module; the file comes by its standard input
            command, input=content, capture_output=True, timeout=EXAMINING_SECONDS, env=environment, check=False
        )
    except (subprocess.TimeoutExpired, OSError):
        raise NotExamined("it took too long, or could not begin") from None
    return told(done.returncode, done.stdout)


def told(returncode: int, answer: bytes) -> Cleaned:
    """What the process found. Raises UnfitFile, and NotExamined when its end says nothing of the file.

    Only the limit on processor time ends it by SIGXCPU; any other signal comes from the machine: memory that others
    took, a stop, a deployment.
    """
    if returncode == -signal.SIGXCPU:
        raise UnfitFile(Unfit.TOO_BIG_INSIDE)
    head, _, cleaned = answer.partition(b"\n")
    if returncode != 0 or not head:
        raise NotExamined(f"it ended with {returncode}")
    match json.loads(head):
        case {"kind": str(kind)}:
            return Cleaned(FileType(kind), cleaned)
        case {"unfit": str(reason)}:
            raise UnfitFile(Unfit(reason))
    raise NotExamined("its answer is none")

"""Has files opened in a process of its own (cleaning.py): without our environment, and ended when it takes too long."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from telehealth.records.attachments.ports import Cleaned
from telehealth.records.attachments.rules import FileType, Unfit, UnfitFile

SECONDS = 60  # of the clock on the wall
AT_ONCE = 2
ROOT = Path(__file__).parents[3]


class ProcessExaminer:
    """`Examiner` with a process for each file, two at a time."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def clean(self, content: bytes, *, taken: frozenset[FileType]) -> Cleaned:
        async with self._turns:
            return await asyncio.to_thread(_clean, content, taken)


def _clean(content: bytes, taken: frozenset[FileType]) -> Cleaned:
    command = [sys.executable, "-P", "-m", "telehealth.records.attachments.cleaning", ",".join(sorted(taken))]
    environment = {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(  # noqa: S603 -- our own module; the file comes by its standard input
            command, input=content, capture_output=True, timeout=SECONDS, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise UnfitFile(Unfit.TOO_BIG_INSIDE) from None
    head, _, cleaned = done.stdout.partition(b"\n")
    if done.returncode != 0 or not head:  # ended by its limits, or fell over what it read
        raise UnfitFile(Unfit.TOO_BIG_INSIDE if done.returncode < 0 else Unfit.BROKEN)
    match json.loads(head):
        case {"kind": str(kind)}:
            return Cleaned(FileType(kind), cleaned)
        case {"unfit": str(reason)}:
            raise UnfitFile(Unfit(reason))
    raise UnfitFile(Unfit.BROKEN)

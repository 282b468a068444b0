"""Failpoints: named places between two effects where a test can have the process killed, as a power cut would.

A module declares its places once; a process door arms one from its settings. Unarmed, a place costs a comparison.
"""

import os
import signal
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(slots=True, eq=False)
class Failpoint:
    """Call it where the process may die. `armed` counts down to the visit at which it does; 0 is never."""

    declared: ClassVar[dict[str, "Failpoint"]] = {}

    name: str
    armed: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.name in self.declared:
            raise ValueError(f"two failpoints are called {self.name}")
        self.declared[self.name] = self

    def __call__(self) -> None:
        if self.armed:
            self.armed -= 1
            if not self.armed:
                os.kill(os.getpid(), signal.SIGKILL)


def arm(plan: str) -> None:
    """Arm `name` or `name:count`: the process dies at the count-th visit. Raises ValueError for an unknown name."""
    name, _, count = plan.partition(":")
    place = Failpoint.declared.get(name)
    if place is None:
        raise ValueError(f"no failpoint is called {name}; there are {', '.join(sorted(Failpoint.declared))}")
    place.armed = int(count or 1)

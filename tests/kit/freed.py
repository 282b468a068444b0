"""What is freed as it ends, not when a collector finds it: that may be minutes later."""

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


def alive(*kinds: type) -> Counter[str]:
    """How many there are of these classes, by their names. A proxy that has outlived its object has no other class."""
    return Counter(found.__name__ for found in map(type, gc.get_objects()) if issubclass(found, kinds))


@contextmanager
def uncollected() -> Iterator[None]:
    """No collector runs in here; one has just done so."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()

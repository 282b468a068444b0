"""What bootstrap knows of the house: what is missing for any visit to be joined."""

from telehealth.visits.escalation.rules import Fault


class Lacking(frozenset[Fault]):
    """Faults of the house itself; empty when it has what a video visit needs."""

    __slots__ = ()

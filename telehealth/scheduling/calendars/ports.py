"""What bootstrap tells this package about the house."""


class OwnDomain(str):
    """The host of our own address: what the UIDs of our visits end in."""

    __slots__ = ()

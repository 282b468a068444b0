"""What bootstrap tells this package."""


class CursorKey(str):
    """The secret that signs cursors, so that nobody builds one."""

    __slots__ = ()

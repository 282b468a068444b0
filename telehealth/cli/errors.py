"""What the person at the terminal hears when a command cannot go on."""


class CannotStart(Exception):
    """The text says what is wrong and the way out; it is shown as it is, without a traceback."""

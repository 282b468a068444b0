"""The one error that leaves a parser of the media node."""


class Malformed(ValueError):
    """It does not parse. The text names the format and nothing of the input."""

"""How many examples Hypothesis tries: few each time, twenty times as many with `--hypothesis-profile=soak`."""

from hypothesis import HealthCheck, settings

EACH_TIME = 100
LONG = 2000


def register_profiles() -> None:
    """A busy machine is no fault of the test: what takes long is told by the durations, not by a health check."""
    for name, count in (("house", EACH_TIME), ("soak", LONG)):
        settings.register_profile(name, max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("house")


def examples(each_time: int) -> int:
    """So many in an ordinary run, in proportion more in a long one. For what is dearer, or worth more, than most."""
    return each_time * settings().max_examples // EACH_TIME

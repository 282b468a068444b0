"""Numbers of the house as OpenMetrics text 1.0, which Prometheus and others read. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Gauge:
    """A number that goes up and down, for each set of labels. Labels tell of the house, never of a person."""

    name: str
    meaning: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def exposition(gauges: Iterable[Gauge]) -> str:
    lines = [line for gauge in gauges for line in _lines(gauge)]
    return "\n".join((*lines, "# EOF", ""))


def _lines(gauge: Gauge) -> Iterable[str]:
    yield f"# TYPE {gauge.name} gauge"
    yield f"# HELP {gauge.name} {_escaped(gauge.meaning)}"
    for labels, value in gauge.samples:
        told = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{gauge.name}{{{told}}} {value}" if told else f"{gauge.name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""What every sample page is made of: the people, the hour, the shape of a sample."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace as Data
from zoneinfo import ZoneInfo

NOW = datetime(2026, 3, 3, 14, 25, tzinfo=UTC)
HERE = ZoneInfo("Europe/Paris")
THERE = ZoneInfo("America/Chicago")
ME = Data(name="Dr Amélie Fontaine-Delacroix", role="clinician")
DESK = Data(name="Front desk", role="front_desk")
VISIT_ID = "0195bb2e-7c00-7000-8000-000000000001"
NAMES = ("Rosa Jiménez Ortega", "أمينة بنت عبد الرحمن", "Bartholomew Featherstonehaugh-Cholmondeley", "Li Na")


@dataclass(frozen=True, slots=True)
class Sample:
    name: str
    template: str
    context: Mapping[str, object]
    path: str = "/"

"""Random windows on the days clocks change, against the membership oracle: how many does each engine get wrong?

`python -m tests.bench.clock_changes ENGINE < questions.json` answers with one engine: it is run once under each server
zone, because TZ is read when a process starts.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from telehealth.core.intervals import Interval, union
from telehealth.scheduling.availability.rules import Resource, Rule, openings
from tests.bench import naive
from tests.bench.naive import Span, Week
from tests.bench.peers import Calcom

WINDOWS = 600
SERVER_ZONES = ("UTC", "America/Los_Angeles", "Europe/Berlin", "Australia/Sydney")
ZONES = (
    "Africa/Cairo",
    "America/Havana",
    "America/Los_Angeles",
    "America/New_York",
    "America/Santiago",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/London",
    "Pacific/Auckland",
    "Pacific/Chatham",
)
YEARS = 2024, 2027  # years whose clock changes every tz database of the day agrees on
Question = dict[str, Any]
Answer = list[list[Span]]


def questions(seed: int = 600) -> list[Question]:
    """A window on a day of change, as a weekly rule of that weekday; asked for is that local date.

    Windows end before midnight: cal.com's editor cannot say more.
    """
    chance = random.Random(seed)
    changes = [(zone, day) for zone in ZONES for day in _changes(zone)]
    return [_question(*chance.choice(changes), chance) for _ in range(WINDOWS)]


def _question(zone: str, day: date, chance: random.Random) -> Question:
    start = chance.randrange(0, 95)
    end = chance.randrange(start + 1, 96)
    midnights = [datetime.combine(each, datetime.min.time(), ZoneInfo(zone)) for each in (day, day + timedelta(days=1))]
    first, last = (int(each.timestamp()) // 60 for each in midnights)
    return {"zone": zone, "windows": [(day.isoweekday(), start * 15, end * 15)], "from": first, "to": last}


def _changes(zone: str) -> Iterator[date]:
    """Local dates in the course of which the offset changes."""
    day = datetime(YEARS[0], 1, 1, tzinfo=ZoneInfo(zone))
    while day.year < YEARS[1]:
        tomorrow = day + timedelta(days=1)
        if day.utcoffset() != tomorrow.utcoffset():
            yield day.date()
        day = tomorrow


def compare(calcom: Calcom | None) -> dict[str, dict[str, int]]:
    """Wrong answers of 600 by engine and server zone."""
    asked = questions()
    right = [naive.members(_week(each), each["from"], each["to"]) for each in asked]
    wrong: dict[str, dict[str, int]] = {"telehealth": {}, "naive": {}}
    for zone in SERVER_ZONES:
        wrong["telehealth"][zone] = _count(right, _elsewhere(asked, zone, "ours"))
        wrong["naive"][zone] = _count(right, _elsewhere(asked, zone, "naive"))
        if calcom is not None:
            wrong.setdefault("cal.com", {})[zone] = _count(right, calcom.ask({"windows": asked}, zone)["open"])
    return wrong


def _count(right: Answer, given: Any) -> int:
    """Ranges that touch are the same instants as one range."""
    plain = [_joined([(start, end) for start, end in each if start < end]) for each in given]
    return sum(want != have for want, have in zip(right, plain, strict=True))


def _joined(spans: list[Span]) -> list[Span]:
    return [(each.start, each.end) for each in union(Interval(*span) for span in spans)]


def _elsewhere(asked: list[Question], zone: str, engine: str) -> Answer:
    command = [sys.executable, "-m", __spec__.name, engine]
    environment = {**os.environ, "TZ": zone}
    done = subprocess.run(command, input=json.dumps(asked), env=environment, capture_output=True, text=True, check=True)
    answer: Answer = json.loads(done.stdout)
    return answer


def _week(question: Question) -> Week:
    return Week(question["zone"], tuple(tuple(each) for each in question["windows"]))


def _ours(question: Question) -> list[Span]:
    week = _week(question)
    rules = tuple(Rule(*window) for window in week.windows)
    resource = Resource(id=UUID(int=0), kind="clinician", name="", time_zone=week.zone, version=1, rules=rules)
    return [(each.span.start, each.span.end) for each in openings(resource, Interval(question["from"], question["to"]))]


def _naive(question: Question) -> list[Span]:
    return naive.windows(_week(question), question["from"], question["to"])


if __name__ == "__main__":
    engine = {"ours": _ours, "naive": _naive}[sys.argv[1]]
    json.dump([engine(each) for each in json.load(sys.stdin)], sys.stdout)

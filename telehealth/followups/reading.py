"""Reading a follow-up in one stroke: `call about the blood test +2w @desk`, `blood pressure +1d x14`. Pure."""

import math
import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import assert_never
from zoneinfo import ZoneInfo

from telehealth.core.time import parse_zone
from telehealth.followups.parts import Pool, Priority, TaskKind, UnfitDelay, UnfitTask, Wish
from telehealth.followups.rules import WINDOW, is_patients

_DELAY = re.compile(r"([1-9]\d{0,2})([dwm])", re.ASCII)
_TIMES = re.compile(r"[x*]([1-9]\d{0,2})", re.ASCII)
_APART = re.compile(r"\+\s+(?=\d{1,3}[dwmDWM](?:\s|$))", re.ASCII)
_LONGEST_DELAY = timedelta(days=5 * 366)
FREQUENCIES = {"d": "DAILY", "w": "WEEKLY", "m": "MONTHLY"}
KIND_WORDS = {
    TaskKind.CALL: ("call", "phone", "llamar", "llamada", "appeler", "appel", "اتصال"),
    TaskKind.REBOOK: ("rebook", "recitar", "reprogrammer", "موعد"),
    TaskKind.LAB: ("lab", "bloods", "laboratorio", "laboratoire", "labo", "مختبر"),
    TaskKind.IMAGING: ("imaging", "mri", "ct", "imagen", "imagerie", "تصوير"),
    TaskKind.QUESTIONNAIRE: ("questionnaire", "form", "cuestionario", "استبيان"),
    TaskKind.MEDICATION: ("medication", "meds", "medicación", "médicament", "دواء"),
    TaskKind.REFERRAL: ("referral", "refer", "derivar", "orienter", "إحالة"),
    TaskKind.MESSAGE: ("message", "mensaje", "رسالة"),
}
KINDS = {word: kind for kind, words in KIND_WORDS.items() for word in words}
OWNERS = {
    "desk": Pool.DESK,
    "recepción": Pool.DESK,
    "accueil": Pool.DESK,
    "الاستقبال": Pool.DESK,
    "clinicians": Pool.CLINICIANS,
    "team": Pool.CLINICIANS,
    "equipo": Pool.CLINICIANS,
    "équipe": Pool.CLINICIANS,
    "الفريق": Pool.CLINICIANS,
}
PRIORITIES = {f"!{priority}": priority for priority in Priority} | {"!": Priority.URGENT}


@dataclass(frozen=True, slots=True)
class Delay:
    """So many days, weeks or months."""

    amount: int
    unit: str

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The same time of day in that zone, that much later; a month ends on its last day at the latest."""
        local = instant.astimezone(zone)
        match self.unit:
            case "d" | "w":
                wall = local + timedelta(days=self.amount * (7 if self.unit == "w" else 1))
            case "m":
                wall = _months_later(local, self.amount)
            case _:
                raise AssertionError("unreachable: parse_delay knows three units")
        return wall.astimezone(UTC)

    def repeated(self, times: int) -> str:
        """RFC 5545, section 3.3.10: every so many days, weeks or months, so often."""
        return f"FREQ={FREQUENCIES[self.unit]};INTERVAL={self.amount};COUNT={times}"


@dataclass(frozen=True, slots=True)
class Stroke:
    """`owner` None: whoever writes it; `repeat` is an RRULE value or empty."""

    kind: TaskKind
    title: str
    due_in: str
    owner: Pool | None = None
    priority: Priority = Priority.ROUTINE
    repeat: str = ""


def parse_delay(text: str) -> Delay:
    """`10d`, `2w` or `6m`, up to five years. Raises UnfitDelay."""
    match = _DELAY.fullmatch(text)
    if match is None:
        raise UnfitDelay
    amount, unit = int(match[1]), match[2]
    if timedelta(days=amount * {"d": 1, "w": 7, "m": 30}[unit]) > _LONGEST_DELAY:
        raise UnfitDelay
    return Delay(amount, unit)


def windows(wish: Wish, times: Sequence[datetime], zone: str) -> list[datetime]:
    """When the window of each ends. What patients are asked again and again they do before they are asked anew,
    unless the wish says how long they have. Raises UnfitDelay.
    """
    if wish.lasts is not None:
        return [each + wish.lasts for each in times]
    if wish.window:
        return [parse_delay(wish.window).after(each, parse_zone(zone)) for each in times]
    ends = [each + WINDOW for each in times]
    if not is_patients(wish) or len(times) == 1:
        return ends
    apart = [later - each for each, later in pairwise(times)]
    return [min(end, each + gap) for end, each, gap in zip(ends, times, [*apart, apart[-1]], strict=True)]


def put_off(times: Sequence[datetime], now: datetime, zone: str) -> list[datetime]:
    """A repetition that could not begin in time begins now: each of it as many days later as the first must be, at the
    same time of day in that zone, so that none of it comes at once with another.
    """
    late = math.ceil((now - times[0]) / timedelta(days=1))
    if late <= 0:
        return list(times)
    moved = [Delay(late, "d").after(each, parse_zone(zone)) for each in times]
    # The clock may have gone forward since: the first is then an hour too early.
    return moved if moved[0] >= now else [Delay(late + 1, "d").after(each, parse_zone(zone)) for each in times]


def parse_stroke(stroke: str) -> Stroke:
    """What one line says; words it does not know are the title, which may be missing when the kind says it all.

    `+2w` when (the last one counts), `@desk` for whom, `!` urgent, `x14` so often at that distance. The kind is a word
    in any of the house's languages that stands first or alone. Raises UnfitDelay without a time, UnfitTask for an
    owner that is nobody here, or when neither title nor kind is said.
    """
    words = _APART.sub("+", stroke).split()
    when = next((at for at in reversed(range(len(words))) if _is_delay(words[at])), None)
    if when is None:
        raise UnfitDelay
    delay = parse_delay(_bare(words.pop(when)))
    owner, priority, times, title = None, Priority.ROUTINE, 0, list[str]()
    for word in words:
        match _Word.of(word):
            case Pool() as pool:
                owner = pool
            case Priority() as asked:
                priority = asked
            case int(asked_times):
                times = asked_times
            case str(said):
                title.append(said)
            case never:
                assert_never(never)
    kind = KINDS.get(title[0].casefold(), TaskKind.CUSTOM) if title else TaskKind.CUSTOM
    if not title:
        raise UnfitTask(fault="title")
    said = "" if kind is not TaskKind.CUSTOM and len(title) == 1 else " ".join(title)
    return Stroke(kind, said, f"{delay.amount}{delay.unit}", owner, priority, delay.repeated(times) if times else "")


class _Word:
    @staticmethod
    def of(word: str) -> Pool | Priority | int | str:
        """What a word of a stroke says."""
        low = word.casefold()
        if low.startswith("@"):
            if low[1:] not in OWNERS:
                raise UnfitTask(fault="owner")
            return OWNERS[low[1:]]
        if low in PRIORITIES:
            return PRIORITIES[low]
        repeated = _TIMES.fullmatch(low)
        return int(repeated[1]) if repeated else word


def _bare(word: str) -> str:
    return word.removeprefix("+").casefold()


def _is_delay(word: str) -> bool:
    return word.startswith("+") and _DELAY.fullmatch(_bare(word)) is not None


def _months_later(local: datetime, months: int) -> datetime:
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    return local.replace(year=year, month=month + 1, day=min(local.day, monthrange(year, month + 1)[1]))

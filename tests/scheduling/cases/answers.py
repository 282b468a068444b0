"""What came of an action, and figures with a bound: they know what an expectation of them means."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from telehealth.core.errors import Refusal
from telehealth.http.problems import status_of

TRIES = 20


@dataclass(frozen=True)
class Answer:
    """`status` as over HTTP, `code` the problem's with underscores, `word` for what went well, `facts` beside them."""

    status: int
    code: str = ""
    word: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    value: Any = None

    @property
    def well(self) -> bool:
        return self.status < 400

    def means(self, wanted: Any) -> bool:
        """A status, a code, a word, or a mapping of these and the facts."""
        if isinstance(wanted, bool):
            return self.well is wanted
        if isinstance(wanted, int):
            return self.status == wanted
        if isinstance(wanted, Mapping):
            known = {**self.facts, "status": self.status, "code": self.code}
            return all(key in known and known[key] == value for key, value in wanted.items())
        return wanted in {self.word, self.code}

    def __str__(self) -> str:
        return " ".join(map(str, [self.status, self.code or self.word, *self.facts.items()]))


@dataclass(frozen=True)
class AtLeast:
    figure: float

    def means(self, wanted: Any) -> bool:
        return bool(self.figure >= wanted)

    def __str__(self) -> str:
        return f"{self.figure:g}"


@dataclass(frozen=True)
class AtMost(AtLeast):
    def means(self, wanted: Any) -> bool:
        return bool(self.figure <= wanted)


async def attempted(action: Awaitable[Any], status: int = 200, word: str = "") -> Answer:
    """The action's answer, as HTTP would give it."""
    try:
        return Answer(status, word=word, value=await action)
    except Refusal as refused:
        return Answer(int(status_of(refused)), code_of(refused.slug), facts=refused.extras)


async def insisted(ask: Callable[[], Awaitable[Answer]], crowd: asyncio.Semaphore) -> Answer:
    """Asked again while the answer is that many others are asking right now, as its Retry-After says."""
    for _ in range(TRIES):
        async with crowd:
            answer = await ask()
        if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            break
        await asyncio.sleep(random.uniform(0.05, 0.5))
    return answer


def answered(response: httpx.Response) -> Answer:
    body = response.json() if response.content else {}
    if response.is_success:
        return Answer(response.status_code, value=body)
    return Answer(response.status_code, code_of(str(body.get("type", "")).rpartition("/")[2]), facts=body)


def code_of(slug: str) -> str:
    return slug.replace("-", "_")

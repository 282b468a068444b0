"""Many clients, two web processes, one database, and one process killed in the middle: every history makes sense."""

import asyncio
import random
import signal
import subprocess
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.intervals import Interval
from telehealth.core.time import SystemClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import Override, to_minute
from tests.kit.booking_process import BookingProcess, end
from tests.kit.call_process import to_json
from tests.kit.clinic import Clinic, add_colleague, open_clinic, register
from tests.kit.histories import State, Step, explained
from tests.kit.moment import Moment, standing_still
from tests.kit.web import bearer

NEVER = float("inf")
HELD_SECONDS, LEAP = 30, timedelta(seconds=45)
Place = tuple[str, str]  # clinician and start
Json = dict[str, Any]


@dataclass
class World:
    """`histories` has the steps at each place; `expiries` when a hold ends and was answered; `told` counts answers."""

    origins: tuple[str, str]
    clinic: Clinic
    day: date
    dying: bool = False
    histories: dict[Place, list[Step]] = field(default_factory=lambda: defaultdict(list))
    expiries: dict[str, tuple[datetime, float, Place]] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)

    def note(
        self,
        place: Place,
        began: float,
        name: str,
        apply: Callable[[State], State | None],
        *,
        ended: float,
        changes: bool,
    ) -> None:
        self.histories[place].append(Step(began, ended, f"{name} at {place}", apply, changes))


def taken_by(token: str, *own: str) -> Callable[[State], State | None]:
    return lambda state: token if state in {"", *own} else None


def left_by(token: str) -> Callable[[State], State | None]:
    """What is over already is given back without a change."""
    return lambda state: "" if state == token else state


def seen(*, free: bool, own: str = "") -> Callable[[State], State | None]:
    return lambda state: state if (state in {"", own}) == free else None


@dataclass
class Client:
    """One patient at the desk: searches, holds, books, moves and cancels at random, and writes down what it saw."""

    world: World
    http: httpx.AsyncClient
    name: str
    patient_id: str
    choice: random.Random
    offers: list[Json] = field(default_factory=list)
    hold: tuple[str, str, Place] | None = None  # token, id, place
    visits: dict[str, tuple[str, Place]] = field(default_factory=dict)  # id to token and place
    number: int = 0

    async def live(self, until: float) -> None:
        while monotonic() < until:
            steps = [
                self.search,
                self.search,
                self.take,
                self.take,
                self.take,
                self.book_hold,
                self.move,
                self.cancel,
                self.drop,
            ]
            await self.choice.choice(steps)()

    async def ask(self, method: str, path: str, body: Json | None = None) -> tuple[float, httpx.Response | None]:
        """When it was asked, and the answer: none when the process died over it and the question is not repeated.

        What creates is asked again with its key, of the process that lives.
        """
        key = {"Idempotency-Key": f"{self.name}-{self.number}"} if method == "POST" and "/search" not in path else {}
        self.number += 1
        began, which = monotonic(), self.choice.randrange(2)
        for _ in range(3):
            try:
                answer = await self.http.request(method, self.world.origins[which] + path, json=body, headers=key)
            except httpx.TransportError as error:
                if which == 0:  # the one that is not killed
                    raise
                self.world.told[type(error).__name__] += 1
                if path not in {"/v1/visits", "/v1/holds"} and not isinstance(error, httpx.ConnectError):
                    return began, None
                which = 0
            else:
                self.world.told[f"{method} {path.rsplit('/', maxsplit=1)[-1][:12]} {answer.status_code}"] += 1
                assert answer.status_code < 500, answer.text
                return began, answer
        raise AssertionError("unreachable")

    async def search(self) -> None:
        """Everything free on the day: a look at every place at once."""
        midnight = datetime(self.world.day.year, self.world.day.month, self.world.day.day, tzinfo=UTC)
        body = {
            "visit_type_id": str(self.world.clinic.visit_type.id),
            "start": midnight.isoformat(),
            "end": (midnight + timedelta(days=1)).isoformat(),
            "limit": 200,
        }
        began, answer = await self.ask("POST", "/v1/slots/search", body)
        if answer is None:
            return
        assert answer.status_code == 200, answer.text
        self.offers = answer.json()["items"]
        found = {(each["clinician_id"], each["start"]) for each in self.offers}
        for place in self.world.histories.keys() | found:
            name = f"{self.name} sees it {'free' if place in found else 'taken'}"
            self.world.note(place, began, name, seen(free=place in found), ended=monotonic(), changes=False)

    async def take(self) -> None:
        """Hold or book something that was offered, perhaps a while ago."""
        if not self.offers:
            return
        offer = self.choice.choice(self.offers)
        place = offer["clinician_id"], offer["start"]
        if place in self._own_places():
            return
        holding = self.choice.random() < 0.5
        path, named = ("/v1/holds", {"seconds": HELD_SECONDS}) if holding else ("/v1/visits", {})
        body = {"patient_id": self.patient_id, "offer": offer["offer"], **named}
        began, answer = await self.ask("POST", path, body)
        ended = monotonic()
        if answer is None or not self._was_taken(answer, 201, place, began):
            return
        token, given = f"{self.name}:{self.number}", answer.json()
        self.world.note(place, began, f"{token} taken", taken_by(token), ended=ended, changes=True)
        self._give_up_hold(place, began, ended, whatever=holding)
        if holding:
            self.hold = token, given["id"], place
            self.world.expiries[token] = datetime.fromisoformat(given["expires_at"]), ended, place
        else:
            self.visits[given["visit"]["id"]] = token, place

    async def book_hold(self) -> None:
        if self.hold is None:
            return
        token, hold_id, place = self.hold
        self.hold = None
        began, answer = await self.ask("POST", "/v1/visits", {"patient_id": self.patient_id, "hold_id": hold_id})
        ended = monotonic()
        assert answer is not None
        if answer.status_code == 201:
            visit = f"{token}+"
            # A hold may run out while it is being booked: it counts until then if nobody else was quicker.
            self.world.note(place, began, f"{token} booked", taken_by(visit, token), ended=ended, changes=True)
            self.visits[answer.json()["visit"]["id"]] = visit, place
        else:
            assert answer.status_code in {410, 429}, answer.text

    async def move(self) -> None:
        if not self.visits or not self.offers:
            return
        visit, (token, old) = self.choice.choice(list(self.visits.items()))
        offer = self.choice.choice(self.offers)
        place = offer["clinician_id"], offer["start"]
        if place in self._own_places():
            return
        body = {"start": offer["start"], "clinician_ids": [offer["clinician_id"]]}
        began, answer = await self.ask("POST", f"/v1/visits/{visit}/reschedule", body)
        ended = NEVER if answer is None else monotonic()
        if answer is not None and not self._was_taken(answer, 200, place, began):
            return
        self.world.note(old, began, f"{token} moved away", left_by(token), ended=ended, changes=True)
        self.world.note(place, began, f"{token} moved here", taken_by(token), ended=ended, changes=True)
        self._give_up_hold(place, began, ended)
        if answer is None:
            del self.visits[visit]
        else:
            self.visits[visit] = token, place

    async def cancel(self) -> None:
        if not self.visits:
            return
        visit = self.choice.choice(list(self.visits))
        token, place = self.visits.pop(visit)
        began, answer = await self.ask("POST", f"/v1/visits/{visit}/cancel", {"reason": "patient_request"})
        assert answer is None or answer.status_code == 200, answer.text
        self._leave(token, place, began, NEVER if answer is None else monotonic())

    async def drop(self) -> None:
        if self.hold is None or self.choice.random() < 0.5:
            return
        token, hold_id, place = self.hold
        self.hold = None
        began, answer = await self.ask("DELETE", f"/v1/holds/{hold_id}")
        assert answer is None or answer.status_code in {204, 404}, answer.text
        self._leave(token, place, began, NEVER if answer is None else monotonic())

    def _own_places(self) -> set[Place]:
        return {place for _, place in self.visits.values()} | ({self.hold[2]} if self.hold else set())

    def _give_up_hold(self, place: Place, began: float, ended: float, *, whatever: bool = False) -> None:
        """A new hold takes the place of the old one; anything else does when it is at the same time."""
        if self.hold is not None and (whatever or self.hold[2][1] == place[1]):
            self._leave(self.hold[0], self.hold[2], began, ended)
            self.hold = None

    def _leave(self, token: str, place: Place, began: float, ended: float) -> None:
        self.world.note(place, began, f"{token} left", left_by(token), ended=ended, changes=True)

    def _was_taken(self, answer: httpx.Response, status: int, place: Place, began: float) -> bool:
        """Whether the client got it; when somebody else has it, the client saw that."""
        if answer.status_code == status:
            return True
        slug = answer.json()["type"].rpartition("/")[2]
        assert slug in {"slot-taken", "patient-conflict", "calendar-busy"}, answer.text
        if slug == "slot-taken":
            name = f"{self.name} is told it is taken"
            self.world.note(place, began, name, seen(free=False), ended=monotonic(), changes=False)
        return False


async def _clinic(unit: Unit, day: date, clients: int) -> tuple[Clinic, list[str]]:
    """Two clinicians with eight places each."""
    clinic = await open_clinic(unit)
    colleague = await add_colleague(unit, clinic)
    for each in (clinic.clinician.id, colleague.id):
        await availability.put_override(unit, each, Override(day, (Interval(9 * 60, 11 * 60 + 40),)))
    return clinic, [str((await register(unit, f"Patient{number}")).id) for number in range(clients)]


@contextmanager
def two_processes(first: BookingProcess, second: BookingProcess) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Running, and stopped whatever happened to them meanwhile."""
    running = [first.begin(), second.begin()]
    try:
        first.wait()
        second.wait()
        yield running
    finally:
        for each in running:
            end(each)


async def trouble(second: BookingProcess, running: list[subprocess.Popen[bytes]], seconds: float) -> None:
    """In the middle the second process is killed, and comes back a while later."""
    await asyncio.sleep(seconds * 0.4)
    await asyncio.to_thread(end, running[1], signal.SIGKILL)
    await asyncio.sleep(seconds * 0.1)
    running[1] = second.begin()


async def leaps(moment: Moment, until: float) -> list[tuple[float, float, datetime]]:
    """Time jumps now and then, so that holds run out."""
    made = []
    while monotonic() < until - 0.5:
        await asyncio.sleep(0.7)
        began = monotonic()
        await asyncio.to_thread(moment.move, moment.now() + LEAP)
        made.append((began, monotonic(), moment.now()))
    return made


def note_expiries(world: World, made: list[tuple[float, float, datetime]]) -> None:
    """When all answers are there: what was held ran out at the first leap past its time.

    A hold whose transaction began before that leap and ended after it was over when it was answered.
    """
    for token, (expires_at, answered, place) in world.expiries.items():
        for began, ended, now in made:
            if expires_at <= now:
                over = max(ended, answered)
                world.note(place, began, f"{token} runs out", left_by(token), ended=over, changes=True)
                break


@asynccontextmanager
async def at_the_desk(world: World, patients: list[str], seed: int) -> AsyncIterator[list[Client]]:
    clients = []
    for number, patient in enumerate(patients):
        http = httpx.AsyncClient(headers=bearer(f"client{number}"), timeout=30, trust_env=False)
        choice = random.Random(f"{seed} {number}")
        clients.append(Client(world, http, f"client{number}", patient, choice))
    yield clients
    for each in clients:
        await each.http.aclose()


async def run_history(unit_of_work: UnitOfWork, database: str, *, seconds: float, crowd: int, seed: int) -> None:
    now = SystemClock().now()
    day = (now + timedelta(days=3)).date()
    with standing_still(database, now) as moment:
        clinic, patients = await unit_of_work.run(_clinic, SYSTEM, day, crowd)
        known = {
            f"client{number}": to_json(Actor(UUID(int=1000 + number), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK]))
            for number in range(crowd)
        }
        first, second = BookingProcess(database, known), BookingProcess(database, known)
        world = World((first.origin, second.origin), clinic, day)
        with two_processes(first, second) as running:
            async with at_the_desk(world, patients, seed) as clients, asyncio.TaskGroup() as together:
                until = monotonic() + seconds
                for each in clients:
                    together.create_task(each.live(until))
                together.create_task(trouble(second, running, seconds))
                leaping = together.create_task(leaps(moment, until))
        note_expiries(world, leaping.result())
        check_database(database, clients)
        check_histories(world)


def check_histories(world: World) -> None:
    unexplained = [said for steps in world.histories.values() if (said := explained(steps))]
    assert not unexplained, unexplained
    assert world.told["POST visits 201"] > 0, world.told
    assert world.told["POST holds 201"] > 0, world.told


def check_database(database: str, clients: list[Client]) -> None:
    """What clients were told is in the table, and nobody is in two places."""
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT resource_id, visit_start, owner_id FROM occupancy WHERE role = 'host' AND state = 'active' "
            "AND (expires_at IS NULL OR expires_at > now())"
        ).fetchall()
    assert max(Counter((who, start) for who, start, _ in rows).values(), default=0) <= 1
    for client in clients:
        for visit, (_, (who, start)) in client.visits.items():
            assert (UUID(who), to_minute(datetime.fromisoformat(start)), UUID(visit)) in rows, client.name


async def test_a_short_history(unit_of_work: UnitOfWork, database: str) -> None:
    await run_history(unit_of_work, database, seconds=4, crowd=12, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_long_history(unit_of_work: UnitOfWork, database: str) -> None:
    await run_history(unit_of_work, database, seconds=30, crowd=50, seed=2)


def test_a_history_that_makes_no_sense_is_found() -> None:
    """The checker itself: two who have it at once, and one who is sent away from what nobody has."""
    both = [Step(0, 2, "first", taken_by("first"), True), Step(1, 3, "second", taken_by("second"), True)]
    assert explained(both) == "second"
    left = Step(2.5, 2.6, "left", left_by("first"), True)
    assert explained([both[0], left, replace(both[1], end=4)]) == ""
    assert explained([both[0], left, Step(3, 4, "turned away", seen(free=False), False)]) == "turned away"
    cut_off = Step(0.5, NEVER, "cut off", taken_by("cut off"), True)
    assert explained([both[0], left, cut_off, Step(3, 4, "turned away", seen(free=False), False)]) == ""

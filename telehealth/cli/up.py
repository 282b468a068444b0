"""`telehealth up`: everything one clinic needs, from one command, in the order it can start.

Lock, leftovers, ports, keys; then PostgreSQL and Valkey, the mailbox and the record service beside them; then the
Procfile: its `release` line once, then every process. What the environment already names (DATABASE_URL and friends) is
used as it is and its embedded twin is not started.
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any
from urllib.parse import urlsplit

from telehealth.cli import postgres, record_service, turn, valkey
from telehealth.cli.addresses import LOOPBACK, Door, Ports, require_free
from telehealth.cli.environment import Environments, divide, given
from telehealth.cli.errors import CannotStart
from telehealth.cli.keys import Keys, open_keys
from telehealth.cli.leftovers import RunFile, stop_leftovers
from telehealth.cli.logs import Logs
from telehealth.cli.processes import Program, Supervisor
from telehealth.cli.procfile import RELEASE, Procfile, read_procfile
from telehealth.cli.readiness import LANES, Question, accepts, answers_ok, http_status, lane_is_served, until_ready
from telehealth.cli.state import StateDirectory, locked, open_state, write_private
from telehealth.settings.environment import read_media_settings, read_settings
from telehealth.settings.given import SettingsError, value_of
from telehealth.settings.house import Environment

MAILBOX = "mailbox"
STOP_SIGNALS = {"media": signal.SIGINT}  # at once: there is no other node that its calls could go over to


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    state: Path
    procfile: Path
    ports: Ports
    ready_file: Path | None = None
    record_service: str | None = None
    follow_up_speed: float | None = None
    seed: bool = False
    turn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Which services this `up` brings along: those the environment names no other for."""

    database: bool
    broker: bool
    push: bool
    mail: bool
    record: bool


class Installation:
    """One state directory and what runs on it."""

    def __init__(self, options: Options, env: Mapping[str, str], logs: Logs, state: StateDirectory) -> None:
        self._began = time.monotonic()
        self._ready_files = [state.ready_file, *([options.ready_file] if options.ready_file else [])]
        self._unsay_ready()
        self._options = options
        self._env = env
        self._logs = logs
        self._state = state
        self._procfile: Procfile = read_procfile(options.procfile)
        self._embedded = choose_embedded(env, options)
        self._keys: Keys = open_keys(state.keys)
        ports = options.ports
        self._relay = turn.open_relay(env, port=ports.turn, secret=self._keys.turn_secret) if options.turn else None
        self._is_ready = False
        self._run_file = RunFile(state.run_file)
        self._supervisor: Supervisor
        self._cluster: postgres.Cluster | None = None
        self._environments: Environments

    async def run(self) -> str | None:
        """Runs until SIGINT or SIGTERM (returns None) or until a process cannot be kept alive (returns the reason)."""
        self._supervisor = Supervisor(self._logs, self._run_file, self._tell)
        stopped = self._listen_for_signals()
        work = asyncio.create_task(self._bring_up())
        try:
            ends: set[asyncio.Future[Any]] = {self._supervisor.failed, stopped}
            await asyncio.wait({work, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if work.done() and not work.cancelled():
                work.result()
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            return self._supervisor.failed.result() if self._supervisor.failed.done() else None
        finally:
            await self._bring_down(work)

    def _listen_for_signals(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        stopped: asyncio.Future[None] = loop.create_future()

        def stop() -> None:
            if stopped.done():
                self._supervisor.hurry.set()
            else:
                stopped.set_result(None)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup asked for HUP to be ignored
                loop.add_signal_handler(number, stop)
        return stopped

    async def _bring_up(self) -> None:
        await asyncio.to_thread(stop_leftovers, self._run_file.left(), self._logs.say)
        require_free(self._doors())
        if self._embedded.database:
            self._cluster = await asyncio.to_thread(postgres.prepare_cluster, self._state, self._env)
        self._environments = self._divide()
        check_settings(self._environments)
        self._start_foundations()
        await self._foundations_answer()
        await self._release()
        for name, command in self._procfile.processes.items():
            self._supervisor.start(self._program(name, command))
        await until_ready(self._questions())
        self._is_ready = True
        self._tell()
        self._logs.announce(f"ready in {time.monotonic() - self._began:.1f} s: {self._shown_addresses()}")
        await self._after_ready()

    def _start_foundations(self) -> None:
        plain, ports = self._environments.plain, self._options.ports
        if self._cluster is not None:
            self._supervisor.start(postgres.server(self._cluster, plain))
        if self._embedded.broker or self._embedded.push:
            self._supervisor.start(valkey.server(self._state, valkey.find_valkey(self._env), plain))
        if self._embedded.mail:
            self._supervisor.start(mailbox_program(self._state, ports, plain))
        if self._relay is not None:
            rules = self._options.procfile.absolute().parent / turn.RULES
            self._supervisor.start(self._relay.server(self._state, rules, plain))
        if self._embedded.record:
            record_service.require_installed()
            self._supervisor.start(
                record_service.server(
                    self._state,
                    ports.record_service,
                    client_id=self._env.get("TELEHEALTH_RECORD_CLIENT_ID", record_service.CLIENT_ID),
                    jwks=self._keys.record_jwks,
                    env=plain,
                )
            )

    async def _foundations_answer(self) -> None:
        if self._cluster is not None:
            await postgres.open_database(self._cluster)
        if self._embedded.broker or self._embedded.push:
            await valkey.answers(self._state)

    async def _release(self) -> None:
        if self._procfile.release is None:
            return
        code = await self._supervisor.run(self._program(RELEASE, self._procfile.release))
        if code != 0:
            raise CannotStart(
                f"The release line of the Procfile (migrations) failed with {code}; its lines above tell more."
            )

    def _program(self, name: str, command: str) -> Program:
        runtime = self._state.run / "app"
        runtime.mkdir(mode=0o700, exist_ok=True)
        return Program(
            name=name,
            argv=("/bin/sh", "-c", f"exec {command}"),
            env=self._environments.of(name),
            cwd=self._options.procfile.absolute().parent,
            stop_signal=STOP_SIGNALS.get(name, signal.SIGTERM),
        )

    def _divide(self) -> Environments:
        ports, keys, embedded = self._options.ports, self._keys, self._embedded
        defaults = {
            "SMTP_URL": f"smtp://{LOOPBACK}:{ports.smtp}",
            **({"SMS_URL": f"http://{LOOPBACK}:{ports.mailbox}/texts"} if embedded.mail else {}),
            "TELEHEALTH_PUBLIC_URL": f"http://localhost:{ports.web}",
            "TELEHEALTH_MEDIA_URL": f"http://{LOOPBACK}:{ports.media}",
            "TELEHEALTH_SECRET_KEY": keys.secret_key,
            "TELEHEALTH_DATA_KEYS": keys.data_keys,
            "TELEHEALTH_RECORD_PRIVATE_KEY": keys.record_private_key,
            "TELEHEALTH_PUSH_PRIVATE_KEY": keys.push_private_key,
            "TELEHEALTH_ATTACHMENTS": str(self._state.path / "attachments"),
            **_grant_pair(self._env, keys),
        }
        if self._relay is not None:
            defaults |= self._relay.settings
        if self._cluster is not None:
            defaults["DATABASE_URL"] = self._cluster.url
        if embedded.broker:
            defaults["BROKER_URL"] = valkey.broker_url(self._state)
        if embedded.push:
            defaults["VALKEY_URL"] = valkey.push_url(self._state)
        if embedded.record:
            defaults["RECORD_SERVICE_URL"] = record_service.base_url(ports.record_service)
        return divide(self._env, self._state, defaults=defaults, chosen=self._chosen())

    def _chosen(self) -> dict[str, str]:
        options = self._options
        chosen = {"PORT": str(options.ports.web), "TELEHEALTH_MEDIA_PORT": str(options.ports.media)}
        if options.record_service is not None:
            chosen["RECORD_SERVICE_URL"] = options.record_service
        if options.follow_up_speed is not None:
            chosen["TELEHEALTH_FOLLOW_UP_SPEED"] = str(options.follow_up_speed)
        return chosen

    def _doors(self) -> list[Door]:
        ports, processes = self._options.ports, self._procfile.processes
        host = self._env.get("TELEHEALTH_HOST", LOOPBACK)
        media_host = self._env.get("TELEHEALTH_MEDIA_CONTROL_HOST", LOOPBACK)
        doors = {
            Door("web", "--port", ports.web, host): "web" in processes,
            Door("media", "--media-port", ports.media, media_host): "media" in processes,
            Door("record service", "--record-service-port", ports.record_service): self._embedded.record,
            Door("mail (SMTP)", "--smtp-port", ports.smtp): self._embedded.mail,
            Door("mailbox page", "--mailbox-port", ports.mailbox): self._embedded.mail,
        }
        relay = [] if self._relay is None else [self._relay.door]
        return [*(door for door, is_opened in doors.items() if is_opened), *relay]

    def _questions(self) -> dict[str, Question]:
        ports, processes = self._options.ports, self._procfile.processes
        broker_url = read_settings(self._environments.application).broker_url.get_secret_value()
        asked: dict[str, tuple[bool, Question]] = {
            "web": ("web" in processes, answers_ok(f"http://{LOOPBACK}:{ports.web}/readyz")),
            "media": ("media" in processes, answers_ok(f"http://{LOOPBACK}:{ports.media}/healthz")),
            **{name: (name in processes, lane_is_served(broker_url, lane)) for name, lane in LANES.items()},
            "record service": (
                self._embedded.record,
                answers_ok(f"{record_service.base_url(ports.record_service)}/metadata"),
            ),
            "mail": (self._embedded.mail, accepts(ports.smtp)),
            "mailbox": (self._embedded.mail, answers_ok(f"http://{LOOPBACK}:{ports.mailbox}/healthz")),
        }
        return {name: question for name, (is_asked, question) in asked.items() if is_asked}

    def _addresses(self) -> dict[str, str]:
        settings, ports = read_settings(self._environments.application), self._options.ports
        found = {
            "web": f"http://localhost:{ports.web}",
            "media": f"http://{LOOPBACK}:{ports.media}",
            "smtp": settings.smtp_url.get_secret_value(),
            "record_service": settings.record_service_url,
        }
        if self._embedded.mail:
            found[MAILBOX] = f"http://localhost:{ports.mailbox}"
        return found

    def _shown_addresses(self) -> str:
        addresses = self._addresses()
        shown = ("web", MAILBOX, "record_service")
        return " · ".join(f"{name.replace('_', ' ')} {addresses[name]}" for name in shown if name in addresses)

    def _tell(self) -> None:
        """Writes the ready file, again after each birth: process numbers change when something was started again."""
        if not self._is_ready:
            return
        settings = read_settings(self._environments.application)
        told = {
            "addresses": self._addresses(),
            "pids": self._supervisor.pids(),
            "database_url": settings.database_url.get_secret_value(),
            "broker_url": settings.broker_url.get_secret_value(),
            "valkey_url": settings.push_url,
            "state_dir": str(self._state.path),
            "record_client_id": settings.record_client_id,
        }
        for each in self._ready_files:
            write_private(each, json.dumps(told, indent=2))

    def _unsay_ready(self) -> None:
        for each in self._ready_files:
            each.unlink(missing_ok=True)

    async def _after_ready(self) -> None:
        record = self._options.record_service or self._env.get("RECORD_SERVICE_URL")
        if record is not None and await asyncio.to_thread(http_status, f"{record.rstrip('/')}/metadata") != 200:
            self._logs.say(f"the record service {_without_secret(record)} does not answer; notes wait until it does")
        if self._options.seed:
            await self._seed()

    async def _seed(self) -> None:
        """The seeding's output goes to the terminal as it is: it holds the links and passwords, shown this once."""
        argv = [
            "-m",
            "telehealth.cli.seed",
            "--state",
            str(self._state.path),
            "--ready-file",
            str(self._state.ready_file),
        ]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *argv, env=self._environments.application, stdin=asyncio.subprocess.DEVNULL
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code != 0:
            raise CannotStart(f"Seeding the demo clinic failed with {code}; its lines above tell more.")

    async def _bring_down(self, work: asyncio.Task[None]) -> None:
        self._is_ready = False
        self._unsay_ready()
        work.cancel()
        await asyncio.wait({work})
        began = time.monotonic()
        await self._supervisor.stop()
        self._logs.say(f"stopped in {time.monotonic() - began:.1f} s")


def start(options: Options, env: Mapping[str, str], logs: Logs) -> str | None:
    """Holds the state directory's lock for as long as it runs. Raises CannotStart; see `Installation.run`."""
    refuse_embedded(env, choose_embedded(env, options))
    state = open_state(options.state)
    with locked(state):
        try:
            return asyncio.run(Installation(options, env, logs, state).run())
        finally:
            if state.sockets != state.run:
                rmtree(state.sockets, ignore_errors=True)


def choose_embedded(env: Mapping[str, str], options: Options) -> Embedded:
    """RabbitMQ as the broker leaves Valkey for push, unless VALKEY_URL names one."""
    has_broker = given(env, "BROKER_URL")
    is_rabbitmq = env.get("BROKER_URL", "").startswith(("amqp", "pyamqp"))
    return Embedded(
        database=not given(env, "DATABASE_URL"),
        broker=not has_broker,
        push=not given(env, "VALKEY_URL") and (not has_broker or is_rabbitmq),
        mail=not given(env, "SMTP_URL"),
        record=options.record_service is None and not given(env, "RECORD_SERVICE_URL"),
    )


def refuse_embedded(env: Mapping[str, str], embedded: Embedded) -> None:
    """In production nothing is embedded. Raises CannotStart that names the settings to give."""
    if value_of(env, "TELEHEALTH_ENVIRONMENT") != Environment.PRODUCTION:
        return
    wanted = {
        "DATABASE_URL": embedded.database,
        "BROKER_URL": embedded.broker,
        "VALKEY_URL": embedded.push and not embedded.broker,
        "SMTP_URL": embedded.mail,
        "RECORD_SERVICE_URL": embedded.record,
    }
    missing = [name for name, is_missing in wanted.items() if is_missing]
    if missing:
        raise CannotStart(
            f"TELEHEALTH_ENVIRONMENT is production, where no embedded service is started. Set {', '.join(missing)}."
        )


def check_settings(environments: Environments) -> None:
    """Faults in the operator's environment are told once, here, before five processes each die of them."""
    try:
        _ = read_settings(environments.application).push_url
        read_media_settings(environments.media)
    except SettingsError as error:
        raise CannotStart(f"Settings: {error}") from None


def mailbox_program(state: StateDirectory, ports: Ports, env: Mapping[str, str]) -> Program:
    argv = (sys.executable, "-m", "telehealth.cli.mailbox", "--directory", str(state.path / MAILBOX))
    return Program(
        name=MAILBOX,
        argv=(*argv, "--smtp-port", str(ports.smtp), "--port", str(ports.mailbox)),
        env=env,
        cwd=Path(__file__).resolve().parents[2],
        foundation=True,
    )


def _grant_pair(env: Mapping[str, str], keys: Keys) -> dict[str, str]:
    """Both halves or none: half a pair of ours beside half of the operator's would refuse every visit."""
    names = ("TELEHEALTH_GRANT_PRIVATE_KEY", "TELEHEALTH_GRANT_PUBLIC_KEY")
    there = [name for name in names if given(env, name)]
    if len(there) == 1:
        raise CannotStart(f"Settings: {there[0]} is set; {' and '.join(names)} belong together")
    return {} if there else dict(zip(names, (keys.grant_private_key, keys.grant_public_key), strict=True))


def _without_secret(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

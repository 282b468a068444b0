"""Rooms of a call without a socket: who may come, and what is said there."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from telehealth.core.ids import ParticipantId
from telehealth.video.language import Answer, Arrived, Command, Effect, Event, Report, Resume, Said, Send
from telehealth.video.room import MediaState, Mode, Room, Who
from telehealth.video.rules import step
from telehealth.visits.lifecycle.parts import ParticipantKind

K = ParticipantKind
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def somebody(number: int, kind: ParticipantKind, *, host: bool = False) -> Who:
    return Who(ParticipantId(UUID(int=number)), kind, host)


CLINICIAN = somebody(1, K.CLINICIAN, host=True)
PATIENT = somebody(2, K.PATIENT)
HEIR = somebody(3, K.CLINICIAN, host=True)
PROXY = somebody(4, K.PROXY)
INTERPRETER = somebody(5, K.INTERPRETER)
TRAINEE = somebody(6, K.TRAINEE)
COLLEAGUE = somebody(7, K.CLINICIAN)
DEVICE = somebody(8, K.DEVICE)
OBSERVER = somebody(9, K.OBSERVER)
EVERYONE = (CLINICIAN, PATIENT, HEIR, PROXY, INTERPRETER, TRAINEE, COLLEAGUE)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def arrived(
    who: Who,
    socket: str,
    *,
    at: float = 0,
    admitted: bool = True,
    resume: Resume | None = None,
    least: Mode = Mode.P2P,
) -> Arrived:
    return Arrived(after(at), socket, f"session-{socket}", who, admitted, resume, least)


def said(socket: str, command: Command, *, at: float = 1) -> Said:
    return Said(after(at), socket, command)


def run(*events: Event, room: Room | None = None) -> tuple[Room, list[Effect]]:
    room, seen = room or Room(), list[Effect]()
    for event in events:
        room, effects = step(room, event)
        seen += effects
    return room, seen


def both_here() -> Room:
    return run(arrived(CLINICIAN, "c"), arrived(PATIENT, "p"))[0]


def connect(room: Room) -> Room:
    reports = (said(socket, Report(1, MediaState.CONNECTED, room.generation)) for socket in "cp")
    return run(*reports, room=room)[0]


def sends(effects: Iterable[Effect]) -> list[Send]:
    return [effect for effect in effects if isinstance(effect, Send)]


def answers(effects: Iterable[Effect]) -> list[dict[str, object]]:
    return [dict(effect.message) for effect in effects if isinstance(effect, Answer)]

"""Recording, decided: the host asks, everybody inside agrees, anybody ends it. PROTOCOL.md tells it in prose."""

from dataclasses import replace
from uuid import UUID, uuid5

from telehealth.video.language import (
    Ask,
    Consent,
    Finish,
    KeepConsent,
    OfRecorder,
    OfRecording,
    Pause,
    RecordingAsked,
    RecordingOver,
    RecordRequest,
)
from telehealth.video.room import Recording, Room, Seat

NAMES = UUID("0d0b3d5e-5d0c-5c55-8a5e-3f1f6f2d7b19")
Decided = tuple[Room, tuple[OfRecorder, ...]]


def name_of(seat: Seat, request: RecordRequest) -> UUID:
    """A request that is repeated asks for the same recording."""
    return uuid5(NAMES, f"{seat.session} {request.id}")


def obeyed(room: Room, seat: Seat, command: OfRecording) -> Decided:
    return _asked(room, seat, command) if isinstance(command, RecordRequest) else _answered(room, seat, command)


def _asked(room: Room, seat: Seat, request: RecordRequest) -> Decided:
    if request.on:
        return room, (Ask(name_of(seat, request), seat.id),)
    if room.recording is None:
        return room, ()
    finish = Finish(room.recording.id, room.epoch, seat.id, "stopped")
    return replace(room, recording=None), (finish,)


def _answered(room: Room, seat: Seat, consent: Consent) -> Decided:
    """Who agrees is recorded as soon as all do; who does not ends it for all."""
    keep = KeepConsent(consent.recording, seat.id, consent.given)
    if room.recording is None:
        return room, ()
    if consent.given:
        agreed = (*(each for each in room.recording.agreed if each != seat.id), seat.id)
        return replace(room, recording=replace(room.recording, agreed=agreed)), (keep,)
    finish = Finish(room.recording.id, room.epoch, seat.id, "declined")
    return replace(room, recording=None), (finish, keep)


def repeated(seat: Seat, command: OfRecording) -> tuple[OfRecorder, ...]:
    """What has to be kept before it is acknowledged, though the room knows it already: keeping is done once."""
    match command:
        case RecordRequest():
            return (Ask(name_of(seat, command), seat.id),) if command.on else ()
        case Consent():
            return (KeepConsent(command.recording, seat.id, command.given),)


def begun(room: Room, event: RecordingAsked) -> Room:
    """It is told only now: whoever answers finds it written down."""
    if room.recording is not None:
        return room
    return replace(room, recording=Recording(event.recording, (event.participant,)))


def over(room: Room, event: RecordingOver) -> Decided:
    if room.recording is None or room.recording.id != event.recording:
        return room, ()
    return replace(room, recording=None), (Finish(event.recording, room.epoch, None, "over"),)


def paused(before: Room, room: Room) -> tuple[OfRecorder, ...]:
    """Whoever comes in and has not agreed is not shown to the recorder, nor is anybody while they are there."""
    same = before.recording is not None and room.recording is not None and before.recording.id == room.recording.id
    if not same or before.recording is None or not before.records or room.records:
        return ()
    return (Pause(before.recording.id, before.epoch),)

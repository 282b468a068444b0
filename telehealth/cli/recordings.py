"""`telehealth recordings`: which there are, whether they are what was written, and out of the house; all audited."""

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from telehealth.cli.accounts import HERE, State, read_here
from telehealth.cli.errors import CannotStart, told_in_words
from telehealth.cli.house import in_house
from telehealth.core.sealed import SealedFileBroken
from telehealth.settings.house import Settings
from telehealth.video import opening
from telehealth.video import recordings as kept_recordings
from telehealth.video.recordings import Kept

recordings = typer.Typer(no_args_is_help=True, help="Recordings of calls: list, verify, export.")
Id = Annotated[UUID, typer.Argument(help="The recording, as `telehealth recordings list` names it")]
To = Annotated[Path, typer.Option("--to", help="A new directory: one file for each track, and recording.json")]


@recordings.command("list")
def list_recordings(*, state: State = HERE) -> None:
    """Every recording that is kept: when it began and ended, why, and until when it is kept."""
    with told_in_words():
        for each in in_house(read_here(state), kept_recordings.all_kept):
            began, ended = _told(each.started_at), _told(each.stopped_at)
            typer.echo(f"{each.id}  visit {each.visit_id}  {began} to {ended}  {each.why or 'running'}")


@recordings.command()
def verify(recording: Id, *, state: State = HERE) -> None:
    """Read every file of a recording to its end. A byte that is not what was written, a chunk that is missing or moved,
    a tail that was cut off: each is found, and the command ends with 1.
    """
    with told_in_words():
        settings = read_here(state)
        kept, directory = _read(settings, recording)
        findings = [opening.examine(directory, kept.id, track, kept.key or b"") for track in kept.tracks]
        stray = _stray(directory, kept)
    for each in findings:
        track = each.track
        told = each.fault or f"whole: {track.chunks} chunks, {track.duration_ms / 1000:.1f} s"
        typer.echo(f"{track.file}  {track.kind} of {track.participant}  {told}")
    for name in stray:
        typer.echo(f"{name}  nothing is known of this file")
    faults = sum(each.fault is not None for each in findings) + len(stray)
    typer.echo(f"{len(findings)} files, {faults} faults")
    if faults:
        raise typer.Exit(1)


@recordings.command()
def export(recording: Id, *, to: To, state: State = HERE) -> None:
    """Open a recording: WebM or Matroska files as they were sent, and recording.json, which says whose, when, and who
    agreed. Nothing that does not verify is exported.
    """
    with told_in_words():
        kept, directory = _read(read_here(state), recording)
        try:
            to.mkdir(mode=0o700, parents=True)
        except OSError:
            raise CannotStart(f"{to} cannot be made; it must not be there yet.") from None
        files = []
        for number, track in enumerate(kept.tracks, 1):
            path = opening.path_of(directory, kept.id, track)
            try:
                written = opening.export(path, track, kept.key or b"", to / f"{number}-{track.kind}")
            except SealedFileBroken as fault:
                raise CannotStart(
                    f"{track.file}: {fault}. `telehealth recordings verify` tells of each file."
                ) from None
            written.chmod(0o600)
            files.append(_file(kept, written, number - 1))
        (to / "recording.json").write_text(json.dumps({**_about(kept), "files": files}, indent=2) + "\n")
    typer.echo(f"{len(files)} files in {to}")


def _read(settings: Settings, recording: UUID) -> tuple[Kept, Path]:
    if settings.recordings_directory is None:
        raise CannotStart("TELEHEALTH_RECORDINGS_DIR is not set: nothing is recorded here.")
    return in_house(settings, kept_recordings.read, recording), settings.recordings_directory


def _stray(directory: Path, kept: Kept) -> list[str]:
    known = {f"{track.file}.sealed" for track in kept.tracks}
    return sorted(each.name for each in (directory / str(kept.id)).glob("*") if each.name not in known)


def _file(kept: Kept, written: Path, place: int) -> dict[str, object]:
    track = kept.tracks[place]
    return {
        "name": written.name,
        "participant": str(track.participant),
        "kind": track.kind,
        "codec": track.codec,
        "offset_ms": track.offset_ms,
        "duration_ms": track.duration_ms,
    }


def _about(kept: Kept) -> dict[str, object]:
    return {
        "recording": str(kept.id),
        "visit": str(kept.visit_id),
        "asked_by": str(kept.asked_by),
        "started_at": _told(kept.started_at),
        "stopped_at": _told(kept.stopped_at),
        "why": kept.why,
        "consents": [
            {
                "participant": str(each.participant),
                "given_at": _told(each.given_at),
                "withdrawn_at": _told(each.withdrawn_at),
            }
            for each in kept.consents
        ],
    }


def _told(instant: object) -> str | None:
    return None if instant is None else str(instant)

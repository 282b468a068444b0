"""Procfile, settings reference, environments of children, leftovers, logs: what needs no service."""

import io
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from pydantic import BaseModel
from rich.console import Console
from typer.testing import CliRunner

from telehealth import __version__
from telehealth.cli.commands import app
from telehealth.cli.environment import divide
from telehealth.cli.errors import CannotStart
from telehealth.cli.leftovers import RunFile, Running, boot, born, stop_leftovers
from telehealth.cli.logs import Logs
from telehealth.cli.mailbox import linked
from telehealth.cli.procfile import find_procfile, parse_procfile, read_procfile
from telehealth.cli.reference import reference
from telehealth.cli.state import StateDirectory, open_state
from telehealth.settings.given import names
from telehealth.settings.house import Settings
from telehealth.settings.media import MediaSettings

NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True).filter(lambda name: name != "release")
COMMANDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp", "Zs")), min_size=1, max_size=30)


@for_all(st.dictionaries(NAMES, COMMANDS, min_size=1))
def test_what_is_written_in_a_procfile_is_read(processes: dict[str, str]) -> None:
    text = "\n\n# a comment\n".join(f"{name}: {command}" for name, command in processes.items())
    assert parse_procfile(text).processes == processes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("web python", "line 1: not"),
        ("web: a\n\nweb: b", "line 3: web is there twice"),
        ("# nothing\n", "no process line"),
        ("release: migrate", "no process line"),
    ],
)
def test_a_wrong_procfile_is_told_by_its_line(text: str, told: str) -> None:
    with pytest.raises(CannotStart, match=told):
        parse_procfile(text)


def test_our_procfile_has_the_five_lines() -> None:
    ours = read_procfile(find_procfile())
    assert ours.release == "python -m alembic upgrade head"
    assert list(ours.processes) == ["web", "worker", "messenger", "courier", "beat", "media"]


@pytest.mark.parametrize("model", [Settings, MediaSettings])
def test_the_reference_has_a_row_with_a_meaning_for_every_setting(model: type[BaseModel]) -> None:
    rows = [line.strip("| ").split(" | ") for line in reference().splitlines() if line.startswith("| `")]
    told = {row[0].strip("`"): row for row in rows}
    for name, field in names(model).items():
        assert len(told[name]) == 4
        assert told[name][3], f"{field} has no description"
        assert (told[name][2] == "**required**") == model.model_fields[field].is_required()


def test_commands_that_only_print() -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["version"]).stdout.strip() == __version__
    assert runner.invoke(app, ["settings"]).stdout.startswith("# Settings")
    told = runner.invoke(app, ["doctor", "--json"], env={"TELEHEALTH_COLOUR": "blue"})
    assert told.exit_code == 1
    assert "unknown setting: TELEHEALTH_COLOUR" in told.stdout


def test_the_operators_own_values_win_over_made_ones_and_options_over_both(tmp_path: Path) -> None:
    env = {
        "PATH": "/bin",
        "AWS_SECRET_ACCESS_KEY": "theirs",
        "TELEHEALTH_SECRET_KEY_FILE": "/secret",
        "TELEHEALTH_PG_BIN": "/pg",
        "TELEHEALTH_MEDIA_HOST": "192.0.2.1",
        "PORT": "1",
    }
    divided = divide(
        env,
        open_state(tmp_path / "state"),
        defaults={"TELEHEALTH_SECRET_KEY": "made", "DATABASE_URL": "made", "TELEHEALTH_GRANT_PUBLIC_KEY": "made"},
        chosen={"PORT": "2", "TELEHEALTH_MEDIA_PORT": "3"},
    )
    application = divided.application
    assert "TELEHEALTH_SECRET_KEY" not in application
    assert application["TELEHEALTH_SECRET_KEY_FILE"] == "/secret"
    assert (application["PORT"], application["DATABASE_URL"]) == ("2", "made")
    assert not {"TELEHEALTH_PG_BIN", "TELEHEALTH_MEDIA_PORT", "TELEHEALTH_GRANT_PUBLIC_KEY"} & set(application)
    ours = {name for name in divided.media if name.startswith("TELEHEALTH_")}
    assert ours == {"TELEHEALTH_MEDIA_HOST", "TELEHEALTH_MEDIA_PORT", "TELEHEALTH_GRANT_PUBLIC_KEY"}
    assert "AWS_SECRET_ACCESS_KEY" not in divided.media | divided.plain


def test_a_process_with_a_number_used_again_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    said: list[str] = []
    try:
        stop_leftovers([Running(name="web", pid=stranger.pid, born="1")], said.append)
        assert stranger.poll() is None
        assert said == []
        stop_leftovers([Running(name="web", pid=stranger.pid, born=born(stranger.pid) or "")], said.append)
        assert stranger.wait(50) == -15
        assert len(said) == 1
    finally:
        stranger.kill()
        stranger.wait()
    path = tmp_path / "processes.json"
    RunFile(path).record("up", os.getpid(), 15)
    assert [each.pid for each in RunFile(path).left()] == [os.getpid()]
    path.write_text(path.read_text().replace(boot(), "another-boot"))
    assert RunFile(path).left() == []


def test_children_of_a_dead_leader_are_ended(tmp_path: Path) -> None:
    """A worker that was killed leaves its pool behind, in its session."""
    pid_file = tmp_path / "pid"
    script = f'sleep 60 & echo $! > "{pid_file}"; kill -9 $$'
    leader = subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)
    born_at = born(leader.pid) or "reaped"
    leader.wait()
    child = int(pid_file.read_text())
    assert born(child)
    stop_leftovers([Running(name="worker", pid=leader.pid, born=born_at)], lambda _: None)
    assert born(child) is None


def test_sockets_move_to_a_short_directory_when_the_path_is_long() -> None:
    assert StateDirectory(Path("/srv/clinic")).sockets == Path("/srv/clinic/run")
    for long in (Path("/srv") / ("x" * 80), Path("/srv/a clinic")):
        assert len(str(StateDirectory(long).sockets / "pg" / ".s.PGSQL.5432")) < 60


@for_all(st.text())
def test_no_control_character_of_a_child_reaches_the_terminal(text: str) -> None:
    out = io.StringIO()
    Logs(Console(file=out, width=10_000)).line("web", text)
    shown = out.getvalue().removesuffix("\n")
    assert not [each for each in shown if ord(each) < 32 and each != "\t"]


@for_all(st.text())
def test_text_of_a_message_is_escaped(text: str) -> None:
    shown = str(linked(text)).replace('<a rel="noreferrer noopener" href="', "").replace("</a>", "").replace('">', "")
    assert "<" not in shown


def test_a_checkout_without_procfile_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="No such file"):
        read_procfile(tmp_path / "Procfile")

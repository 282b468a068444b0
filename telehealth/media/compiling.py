"""Makes the compiled twin (compiled.py): `python -m telehealth.media.compiling`.

Needs mypy, setuptools and a C compiler: the extra `compiled`.
"""

import shutil
import sys
from collections.abc import Sequence
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from telehealth.media.compiled import NATIVE, PLACE, SOURCES, STAMP, stamp


class NotCompiled(RuntimeError):
    """Why there is no twin."""


def compile_sources(place: Path = PLACE, *, thoroughly: bool = True) -> None:
    """Puts a twin there, over an older one, which takes a minute or two. Raises NotCompiled and leaves that one."""
    try:
        mypycify = import_module("mypyc.build").mypycify
        import_module("setuptools")
    except ImportError as error:
        raise NotCompiled(f"{error.name} is missing: pip install 'telehealth[compiled]'") from None
    root = SOURCES[0].parents[2]
    with TemporaryDirectory() as made, chdir(root):
        sources = [str(each.relative_to(root)) for each in SOURCES]
        level = "3" if thoroughly else "0"
        try:
            extensions = mypycify(sources, opt_level=level, debug_level="0", target_dir=f"{made}/c")
        except SystemExit:
            raise NotCompiled("mypyc does not take these sources") from None
        _build([*extensions, *_lanes(Path(made))], Path(made), Path(made, "twin"))
        Path(made, "twin", STAMP).write_text(stamp())
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(Path(made, "twin"), place)


def compile_lanes(place: Path) -> Path:
    """Puts lanes.c alone there, as a module: its file. Raises NotCompiled."""
    with TemporaryDirectory() as made:
        _build(_lanes(Path(made)), Path(made), place)
    return next(place.glob("telehealth/media/_lanes.*"))


def _build(extensions: Sequence[Any], folder: Path, place: Path) -> None:
    command = import_module("setuptools").Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(place), str(folder / "objects")
    try:
        command.ensure_finalized()
        command.run()
    except Exception as error:  # setuptools has its own for each platform
        raise NotCompiled(f"the C compiler does not: {error}") from error


def _lanes(folder: Path) -> list[Any]:
    """lanes.c, where the kernel takes and sends datagrams in batches; its source is put into that folder."""
    if sys.platform != "linux":
        return []
    header, source = NATIVE
    builder = import_module("cffi").FFI()
    builder.cdef(header.read_text())
    builder.set_source(
        "telehealth.media._lanes",
        source.read_text(),
        include_dirs=[str(header.parent)],
        extra_compile_args=["-O3"],
    )
    return [builder.distutils_extension(str(folder / "lanes"))]


def main() -> int:
    """1 when there is no twin after it."""
    try:
        compile_sources()
    except NotCompiled as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("Compiled. A media node that runs uses it from its next start on.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

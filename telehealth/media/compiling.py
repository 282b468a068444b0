"""Makes the compiled twin (compiled.py): `python -m telehealth.media.compiling`.

Needs mypy, setuptools and a C compiler: the extra `compiled`.
"""

import shutil
import sys
from contextlib import chdir
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from telehealth.media.compiled import PLACE, SOURCES, STAMP, stamp


class NotCompiled(RuntimeError):
    """Why there is no twin."""


def compile_sources(place: Path = PLACE, *, thoroughly: bool = True) -> None:
    """Puts a twin there, over an older one, which takes a minute or two. Raises NotCompiled and leaves that one."""
    try:
        mypycify, distribution = import_module("mypyc.build").mypycify, import_module("setuptools").Distribution
    except ImportError as error:
        raise NotCompiled(f"{error.name} is missing: pip install 'telehealth[compiled]'") from None
    root = SOURCES[0].parents[2]
    with TemporaryDirectory() as made, chdir(root):
        sources = [str(each.relative_to(root)) for each in SOURCES]
        level = "3" if thoroughly else "0"
        try:
            extensions = mypycify(sources, opt_level=level, debug_level="0", target_dir=f"{made}/c")
            command = distribution({"name": "telehealth-media", "ext_modules": extensions}).get_command_obj("build_ext")
            command.build_lib, command.build_temp = f"{made}/twin", f"{made}/objects"
            command.ensure_finalized()
            command.run()
        except SystemExit:
            raise NotCompiled("mypyc does not take these sources") from None
        except Exception as error:  # setuptools has its own for each platform
            raise NotCompiled(f"the C compiler does not: {error}") from error
        Path(made, "twin", STAMP).write_text(stamp())
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(Path(made, "twin"), place)


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

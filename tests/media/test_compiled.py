"""The compiled twin is used when it was made of just these sources, and only then.

That it does what the sources do, their own tests show: `python -m pytest -p tests.kit.compiled tests/media`.
"""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from telehealth import media
from telehealth.media import compiled
from telehealth.media.compiled import MODULES, SOURCES, STAMP, is_current, prefer, stamp
from telehealth.media.compiling import NotCompiled, compile_sources


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The search paths, as they were again after the test."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(media, "__path__", [*media.__path__])
    return list(media.__path__)


def test_without_a_twin_the_sources_are_run(tmp_path: Path, path: list[str]) -> None:
    assert not prefer(tmp_path)
    assert media.__path__ == path


def test_a_twin_of_other_sources_is_not_run(tmp_path: Path, path: list[str]) -> None:
    (tmp_path / STAMP).write_text("0" * 64)
    assert not prefer(tmp_path)
    assert media.__path__ == path


def test_a_twin_of_these_sources_comes_first(tmp_path: Path, path: list[str]) -> None:
    (tmp_path / STAMP).write_text(stamp())
    assert prefer(tmp_path)
    assert media.__path__ == [str(tmp_path / "telehealth" / "media"), *path]


def test_any_change_of_a_source_makes_another_twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = [tmp_path / each.name for each in SOURCES]
    for source, copy in zip(SOURCES, copies, strict=True):
        copy.write_bytes(source.read_bytes())
    monkeypatch.setattr(compiled, "SOURCES", copies)
    found = {stamp()}
    for copy in copies:
        copy.write_bytes(copy.read_bytes() + b"#")
        found.add(stamp())
    assert len(found) == len(copies) + 1


def test_every_module_of_the_hot_path_is_one_of_it() -> None:
    hot = ("rtp", "receiving", "sending", "tracks", "forward", "transport", "publisher", "subscriber")
    assert set(hot) <= set(MODULES)
    assert all(each.is_file() for each in SOURCES)


def test_what_cannot_be_compiled_leaves_the_twin_that_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / STAMP).write_text("of before")
    monkeypatch.setattr(sys, "path", [])
    for name in [each for each in sys.modules if each.partition(".")[0] == "mypyc"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(NotCompiled, match="telehealth\\[compiled\\]"):
        compile_sources(tmp_path)
    assert (tmp_path / STAMP).read_text() == "of before"
    assert not is_current(tmp_path)


@pytest.mark.soak
def test_it_is_made_and_runs(tmp_path: Path) -> None:
    place = tmp_path / "twin"
    compile_sources(place, thoroughly=False)
    assert is_current(place)
    asked = (
        "import sys; from pathlib import Path; from telehealth.media.compiled import prefer;"
        "assert prefer(Path(sys.argv[1]));"
        "import telehealth.media.forward as found; print(found.__file__)"
    )
    told = subprocess.run([sys.executable, "-c", asked, str(place)], capture_output=True, text=True, check=True)
    assert told.stdout.startswith(str(place))
    assert not str(import_module("telehealth.media.forward").__file__).startswith(str(place))

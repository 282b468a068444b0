"""The floor plan holds, and an incomplete package stops the build with a sentence that says what is missing."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from telehealth.catalogue import PACKAGES
from tests.kit.tree import LINT_IMPORTS, READ_CATALOGUE, ROOT, add_package, copy_tree, replace_once, said

ROUTES = """
from telehealth.core.actors import Scope
from telehealth.http.call import Call
from telehealth.http.operation import operation

async def list_answers(call: Call) -> None: ...

OPERATIONS = (operation("GET", "/v1/answers", list_answers{needs}),)
"""
MODELS = """
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from telehealth.db.tables import Table, phi, plain

class AnswerRow(Table):
    __tablename__ = "survey_answer"

    id: Mapped[UUID] = plain(primary_key=True)
    answer: Mapped[str] = {column}()
"""
COMPLETE = {"routes": ROUTES.format(needs=", needs=Scope.VISITS_JOIN"), "models": MODELS.format(column="phi")}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return copy_tree(tmp_path)


def test_the_contracts_are_kept() -> None:
    code, told = said(ROOT, LINT_IMPORTS)
    assert code == 0, told


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "telehealth.survey is in the catalogue but there is no such package"),
        (
            {"routes": ROUTES.format(needs="")},
            "telehealth.survey.routes: operation() missing 1 required keyword-only argument: 'needs'",
        ),
        (
            {"routes": ROUTES.format(needs=", needs=None")},
            "telehealth.survey.routes: survey.list_answers: say which scope it needs, or PUBLIC",
        ),
        (
            {"models": MODELS.format(column="mapped_column")},
            "survey_answer.answer has no data class: declare it with plain, pii or phi",
        ),
    ],
    ids=["no package", "no scope", "scope None", "no data class"],
)
def test_an_incomplete_package_is_named(tree: Path, files: dict[str, str], sentence: str) -> None:
    add_package(tree, "survey", files)
    code, told = said(tree, READ_CATALOGUE)
    assert code != 0
    assert told.strip().splitlines()[-1] == f"telehealth.catalogue.CatalogueError: {sentence}"


def test_a_package_without_a_floor_breaks_the_contract_and_is_named(tree: Path) -> None:
    add_package(tree, "survey", COMPLETE)
    assert said(tree, READ_CATALOGUE)[0] == 0
    code, told = said(tree, LINT_IMPORTS)
    assert code != 0
    assert "telehealth.survey" in told, told


def test_a_complete_package_is_one_directory_one_line_and_its_contracts(tree: Path) -> None:
    add_package(tree, "survey", COMPLETE)
    contracts = tree / "pyproject.toml"
    replace_once(contracts, '  "video | records | followups",\n', '  "video | records | followups | survey",\n')
    assert list(unlisted(contracts, (*PACKAGES, "survey"), tree)) == [
        "survey is not among the containers of the contract files",
        "survey has tables and no contract models-survey",
    ]
    replace_once(
        contracts,
        '  "telehealth.exchange",\n]\nexhaustive',
        '  "telehealth.exchange", "telehealth.survey",\n]\nexhaustive',
    )
    with contracts.open("a") as written:
        written.write(
            '\n[[tool.importlinter.contracts]]\nid = "models-survey"\nname = "Tables of survey are its own"\n'
            'type = "protected"\nprotected_modules = ["telehealth.survey.models"]\n'
            'allowed_importers = ["telehealth.survey"]\n'
        )
    assert list(unlisted(contracts, (*PACKAGES, "survey"), tree)) == []
    code, told = said(tree, LINT_IMPORTS)
    assert code == 0, told


def test_every_package_is_in_every_contract_that_lists_packages() -> None:
    assert list(unlisted(ROOT / "pyproject.toml", PACKAGES, ROOT)) == []


def unlisted(pyproject: Path, packages: tuple[str, ...], tree: Path) -> Iterator[str]:
    """What import-linter cannot know: that a contract should have named a package too."""
    contracts: Mapping[str, Any] = {
        each["id"]: each for each in tomllib.loads(pyproject.read_text())["tool"]["importlinter"]["contracts"]
    }
    for package in packages:
        if f"telehealth.{package}" not in contracts["files"]["containers"]:
            yield f"{package} is not among the containers of the contract files"
        floor, _, name = package.rpartition(".")
        if f"telehealth.{floor or name}" not in contracts["media"]["forbidden_modules"] and package in PACKAGES:
            yield f"{package} is not among what the contract media forbids"
        if (
            tree / "telehealth" / Path(*package.split(".")) / "models.py"
        ).exists() and f"models-{name}" not in contracts:
            yield f"{package} has tables and no contract models-{name}"

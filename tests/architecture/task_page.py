"""The machine in telehealth/followups/README.md, from its rows: `python -m tests.architecture.task_page --write`.

Without `--write` it is printed.
"""

import sys

from telehealth.followups.drawing import diagram, table
from tests.architecture.floor_plan import ROOT, written

PAGE = ROOT / "telehealth" / "followups" / "README.md"


def machine() -> str:
    """Markdown: the diagram, then the rows."""
    return f"```mermaid\n{diagram()}\n```\n\n{table()}"


def main() -> None:
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(written(PAGE.read_text(), machine()))
    else:
        sys.stdout.write(f"{machine()}\n")


if __name__ == "__main__":
    main()

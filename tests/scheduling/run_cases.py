"""`python -m tests.scheduling.run_cases FILE.yaml` plays the cases of a file against the engine and a real PostgreSQL.

Prints how many pass and, for each that does not, the difference. Ends with 0 only when all pass.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.scheduling.cases.playing import Outcome, Place, open_place, open_stage, play
from tests.scheduling.cases.reading import Case, CaseFault, read_cases


async def played(cases: Sequence[Case], place: Place) -> list[Outcome]:
    async with open_stage(place) as stage:
        return [await play(stage, case) for case in cases]


def told(outcomes: Sequence[Outcome]) -> str:
    """What is printed: the failures, then the count."""
    lines = [f"NOTE {each.case.id}: {note}" for each in outcomes for note in each.notes]
    for each in outcomes:
        if each.failures:
            lines.append(f"FAIL {each.case.id} ({each.case.op}): {each.case.title}")
            lines += [f"     {failure}" for failure in each.failures]
    passed = sum(not each.failures for each in outcomes)
    return "\n".join([*lines, f"{passed} of {len(outcomes)} cases pass"])


def main(arguments: Sequence[str]) -> int:
    asked = argparse.ArgumentParser(prog="python -m tests.scheduling.run_cases", description=__doc__)
    asked.add_argument("file", type=Path)
    asked.add_argument("--only", default="", help="ids of cases, separated by commas")
    asked.add_argument("--found", action="store_true", help="print what was found in each case")
    asked.add_argument("--database", help="URL of an empty database with the schema, instead of one of its own")
    options = asked.parse_args(arguments)
    try:
        cases = read_cases(options.file)
    except (CaseFault, OSError) as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    wanted = set(filter(None, options.only.split(",")))
    with open_place(options.database) as place:
        outcomes = asyncio.run(played([each for each in cases if not wanted or each.id in wanted], place))
    if options.found:
        sys.stdout.writelines(f"{each.case.id} {dict(each.found)}\n" for each in outcomes)
    sys.stdout.write(told(outcomes) + "\n")
    return 0 if outcomes and not any(each.failures for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

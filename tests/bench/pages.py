"""How fast the patient's open page shows what staff have done: `python -m tests.bench.pages`.

In Chromium, by what is visible; the page is held by one web process, staff use another. Times begin with the answer
that staff get.
"""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from tests.bench.figures import Report, Times
from tests.kit.calls import FLAGS
from tests.kit.chromium import chromium
from tests.kit.database import serving
from tests.kit.full_room import filled
from tests.kit.house import environment_of
from tests.kit.patient_page import CASES, Staff, told, told_of_absence, told_of_move
from tests.kit.processes import running_webs
from tests.kit.valkey import mortal_valkey

WITHIN = {"max": 1_000.0}


def main(
    *,
    times: Annotated[int, typer.Option(help="How often each is done.")] = 5,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.")] = None,
) -> None:
    report = Report("What staff do, until the patient's open page shows it")
    with serving() as databases, databases.clone() as database, mortal_valkey() as valkey:
        room = asyncio.run(filled(database, patients=len(CASES) * times, clinicians=2))
        with running_webs(environment_of(database, valkey.url), 2) as (first, second), chromium(*FLAGS) as browser:
            house, patients = (first, Staff(second, room, database)), iter(room.patients)
            for name, case in CASES.items():
                taken = [told(browser, house, next(patients), case) for _ in range(times)]
                report.times(name, Times([each * 1000 for each in taken]), WITHIN)
            moved = [told_of_move(browser, house, days=number + 1) for number in range(times)]
            report.times("moved", Times([each * 1000 for each in moved]), WITHIN)
            absent = [told_of_absence(browser, house, days=times + number + 1) for number in range(times)]
            report.times("did not come", Times([each * 1000 for each in absent]), WITHIN)
    report.row("load of the machine at the end", f"{os.getloadavg()[0]:.1f}", "")
    report.show(json)


if __name__ == "__main__":
    typer.run(main)

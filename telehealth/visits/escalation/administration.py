"""The page on which an administrator says who is told of an alert, by what and when. It works without scripts."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.responses import Response

from telehealth.core.errors import Stale
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.visits.escalation import plans, queries
from telehealth.visits.escalation.forms import (
    AsTheHouseDoes,
    EscalationQuery,
    StepGone,
    StepsForm,
    asks_again,
    in_minutes,
    last_step,
)
from telehealth.visits.escalation.rules import (
    AUDIENCES,
    MOST_RUNGS,
    AlertKind,
    Audience,
    EscalationRules,
    Rung,
    fingerprint,
)
from telehealth.visits.lifecycle import queries as visits

PATH = "/admin/escalation"


async def escalation_page(call: Call, query: EscalationQuery) -> Response:
    """Who is told of what, step by step."""
    return await _page(call, saved=query.saved)


async def save_steps(call: Call, body: StepsForm) -> Response:
    """Take the steps of one kind; show them again with what is wrong in them."""
    ladder, reopen_after, errors = body.read()
    if errors:
        return await _page(call, typed={body.kind: body.shown()}, errors=errors)
    return await _given(call, body.kind, body.seen, (ladder, reopen_after), typed=body.shown())


async def remove_step(call: Call, body: StepGone) -> Response:
    """Leave out one step; the others stay as they are."""
    rules = await call.run(queries.rules)
    ladder = [rung for number, rung in enumerate(rules.ladders[body.kind], start=1) if number != body.step]
    return await _given(call, body.kind, body.seen, (ladder, rules.reopen_after[body.kind]))


async def reset_steps(call: Call, body: AsTheHouseDoes) -> Response:
    """Have the steps again that a clinic begins with."""
    return await _given(call, body.kind, body.seen, (None, None))


Wanted = tuple[Sequence[Rung] | None, int | None]


async def _given(
    call: Call, kind: AlertKind, seen: str, wanted: Wanted, *, typed: Mapping[str, str] | None = None
) -> Response:
    """Of two who change the same steps, the second sees what the first made of them beside what they typed."""
    ladder, reopen_after = wanted
    try:
        await call.run(plans.set_kind, kind, ladder, reopen_after, seen=seen)
    except Stale:
        return await _page(call, stale=kind, typed={kind: typed} if typed else None)
    return call.redirect(f"{PATH}?saved={kind}#{kind}")


async def _page(
    call: Call,
    *,
    saved: str = "",
    stale: str = "",
    typed: Mapping[AlertKind, Mapping[str, str]] | None = None,
    errors: Sequence[FieldError] = (),
) -> Response:
    reader, rules = await call.run(_read)
    return call.render(
        "escalation.html",
        status=422 if errors else 409 if stale else 200,
        me=reader,
        saved=saved,
        stale=stale,
        errors=list(errors),
        kinds=[_kind(rules, kind, (typed or {}).get(kind), changed=kind == stale) for kind in AlertKind],
    )


async def _read(unit: Unit) -> tuple[visits.Reader, EscalationRules]:
    return await visits.reader(unit), await queries.rules(unit)


def _kind(rules: EscalationRules, kind: AlertKind, typed: Mapping[str, str] | None, *, changed: bool) -> dict[str, Any]:
    ladder, reopen_after = rules.ladders[kind], rules.reopen_after[kind]
    now = _as_form(ladder, reopen_after)
    theirs = now if changed and typed else None
    last = last_step(typed) if theirs and typed else len(ladder)
    return {
        "kind": kind,
        "form": typed or now,
        "rows": list(range(2, last + 1)),
        "fresh": last + 1 if last < MOST_RUNGS else None,
        "theirs": theirs,
        "steps": list(range(2, len(ladder) + 1)),
        "whom": [each for each in Audience if each in AUDIENCES[kind]],
        "asks_again": asks_again(kind),
        "own": not rules.by_default(kind),
        "seen": fingerprint(ladder, reopen_after),
    }


def _as_form(ladder: Sequence[Rung], reopen_after: int) -> dict[str, str]:
    form = {"reopen": in_minutes(reopen_after)}
    for number, rung in enumerate(ladder, start=1):
        form |= {f"after_{number}": in_minutes(rung.after), f"whom_{number}": str(rung.whom)}
        form |= {f"address_{number}": rung.address or ""}
    return form

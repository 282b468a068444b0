"""Where an administrator writes what messages say. The pages work without scripts and lose nothing typed."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from starlette.responses import Response

from telehealth.core.errors import NotFound, Stale
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.locales import LANGUAGES, Locale, Locales
from telehealth.notifications import publishing, queries, trial
from telehealth.notifications.letters import Voice
from telehealth.notifications.ports import PublicUrl
from telehealth.notifications.schemas import MessageTextForm, MessageTextQuery, MessageTextView
from telehealth.notifications.slots import ALL, BUDGET, NAMED, Published, Words
from telehealth.notifications.trial import ZONES, House
from telehealth.notifications.wording import Fault, UnfitText, Wording
from telehealth.people import queries as people
from telehealth.people.rules import Clinic
from telehealth.visits.lifecycle import queries as visits

PATH = "/admin/message-texts"


# By API and by page


def named(words: str, language: str) -> Words:
    """Raises NotFound for what there is not."""
    if words not in NAMED or language not in LANGUAGES:
        raise NotFound
    return NAMED[words]


def spoken(call: Call, language: str) -> Locale:
    return call.port(Locales).get(language)


async def house_of(call: Call) -> House:
    return House(call.port(PublicUrl), await call.run(people.clinic))


async def publish(call: Call, name: str, language: str, wording: Wording, *, version: int) -> Published:
    """Raises NotFound, UnfitText, Stale."""
    words = named(name, language)
    wrong = trial.wrong(words, wording, await house_of(call), spoken(call, language))
    return await call.run(publishing.publish, words, language, wording, version=version, wrong=wrong)


def view(call: Call, words: Words, language: str, found: Published | None) -> MessageTextView:
    """What is said now: version 0 is the catalogue's."""
    if found is not None:
        return MessageTextView.of(found)
    return MessageTextView.of_catalogue(words, language, trial.default(words, spoken(call, language)))


# The pages


async def texts_page(call: Call, query: MessageTextQuery) -> Response:
    """All that is said, and what of it was changed."""
    context = await call.run(_list)
    return call.render("admin_message_texts.html", told=query.told, tongues=LANGUAGES, **context)


async def text_page(call: Call, words: str, language: str, query: MessageTextQuery) -> Response:
    """What is said now, to be changed, and how it looks. Raises NotFound."""
    return await _page(call, named(words, language), language, told=query.told)


async def save_text(call: Call, words: str, language: str, body: MessageTextForm) -> Response:
    """Show how it would look, say it from now on, or say the catalogue's again."""
    asked = named(words, language)
    if body.action == "preview":
        return await _page(call, asked, language, typed=body, wrong=await _wrong(call, asked, language, body))
    try:
        if body.action == "retire":
            await call.run(publishing.retire, asked, language, version=body.version)
        else:
            await publish(call, words, language, body.wording(), version=body.version)
    except UnfitText as refused:
        return await _page(call, asked, language, typed=body, wrong=refused.faults, status=422)
    except (NotFound, Stale):
        return await _page(call, asked, language, typed=body, changed=True, status=409)
    told = "retired" if body.action == "retire" else "published"
    return call.redirect(f"{PATH}/{words}/{language}?told={told}")


async def _wrong(call: Call, words: Words, language: str, body: MessageTextForm) -> Sequence[Fault]:
    return trial.wrong(words, body.wording(), await house_of(call), spoken(call, language))


async def _page(
    call: Call,
    words: Words,
    language: str,
    *,
    typed: MessageTextForm | None = None,
    wrong: Sequence[Fault] = (),
    status: int = 200,
    changed: bool = False,
    told: str = "",
) -> Response:
    """Of two who change the same words the second sees so, and publishes over the first by pressing again."""
    reader, found, clinic, noon = await call.run(_one, words, language)
    locale, house = spoken(call, language), House(call.port(PublicUrl), clinic)
    present = view(call, words, language, found)
    wording = typed.wording() if typed else Wording(present.subject, present.body)
    zone = typed.zone if typed and typed.zone else clinic.time_zone
    return call.render(
        "admin_message_text.html",
        status=status,
        me=reader,
        words=words,
        language=language,
        tongue=locale,
        tongues=LANGUAGES,
        version=present.version if typed is None or changed else typed.version,
        published=found,
        theirs=present if changed else None,
        typed=asdict(wording),
        faults=wrong,
        places=sorted(words.frame.known),
        needed=sorted(words.frame.needed),
        drawn=trial.drawn(words, wording, house, Voice(locale, parse_zone(zone)), at=noon),
        budget=BUDGET,
        zone=zone,
        zones=sorted({clinic.time_zone, *ZONES}),
        changed=changed,
        told=told,
    )


async def _one(unit: Unit, words: Words, language: str) -> tuple[Any, Published | None, Clinic, datetime]:
    found = (await queries.in_force(unit)).get((words, language))
    noon = unit.now.replace(hour=12, minute=0, second=0, microsecond=0)
    return await visits.reader(unit), found, await people.clinic(unit), noon


async def _list(unit: Unit) -> dict[str, Any]:
    changed = await queries.in_force(unit)
    kinds = dict.fromkeys(each.kind for each in ALL)
    return {
        "me": await visits.reader(unit),
        "kinds": [(kind, [each for each in ALL if each.kind is kind]) for kind in kinds],
        "changed": {(words.name, language) for words, language in changed},
    }

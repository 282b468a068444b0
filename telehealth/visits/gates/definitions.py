"""Reading a FHIR R4 Questionnaire strictly: what this house would not honour, it refuses. Pure.

Of an item: `required`, `enableWhen` (`=`, `exists`), `initial`, `maxLength`, `answerOption` of codings or strings, the
least and the most that a number or date may be, and translations of every text (FHIR R4, Questionnaire and the
extensions minValue, maxValue and translation).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from telehealth.core.errors import Kind as RefusalKind
from telehealth.core.errors import Refusal
from telehealth.visits.gates.questionnaires import (
    LONGEST_WRITING,
    SILENT,
    Answer,
    Condition,
    Item,
    Kind,
    Option,
    Questionnaire,
    Spoken,
    in_range,
    read_value,
    walk,
)

TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
LEAST, MOST = (f"http://hl7.org/fhir/StructureDefinition/{name}Value" for name in ("min", "max"))
BOUNDED = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.DATE})
MOST_ITEMS, DEEPEST, MOST_OPTIONS, MOST_CONDITIONS, MOST_FAULTS = 60, 5, 50, 10, 100
LONGEST_TEXT, LONGEST_STRING = 2000, 250
LINK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
CODE = re.compile(r"\S+( \S+)*")  # FHIR R4, section 2.24.0.1
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
VALUES: Mapping[Kind, tuple[str, ...]] = {
    Kind.BOOLEAN: ("Boolean",),
    Kind.INTEGER: ("Integer",),
    Kind.DECIMAL: ("Decimal",),
    Kind.DATE: ("Date",),
    Kind.STRING: ("String",),
    Kind.TEXT: ("String",),
    Kind.CHOICE: ("Coding", "String"),
}


class InvalidQuestionnaire(Refusal):
    """`faults` lists JSON Pointers (RFC 6901) into the Questionnaire, each with what is wrong there."""

    kind, slug, title = RefusalKind.INVALID, "invalid-questionnaire", "This questionnaire cannot be asked"


@dataclass(slots=True)
class _Reading:
    """The faults found so far, and the items before the present one."""

    faults: list[dict[str, str]] = field(default_factory=list)
    seen: dict[str, Item] = field(default_factory=dict)
    count: int = 0

    def blame(self, at: str, why: str) -> None:
        self.faults.append({"pointer": at, "detail": why})


TOP = frozenset({"resourceType", "id", "url", "version", "name", "title", "_title", "status", "language", "item"})
ITEM = frozenset(
    {"linkId", "text", "_text", "type", "required", "maxLength", "code", "definition", "prefix"}
    | {"enableWhen", "enableBehavior", "initial", "answerOption", "item", "extension"}
)


def read_questionnaire(resource: Mapping[str, Any]) -> Questionnaire:
    """A Questionnaire resource as questions. Raises InvalidQuestionnaire with every fault there is."""
    reading = _Reading()
    _known(reading, resource, TOP, "")
    if resource.get("resourceType") != "Questionnaire":
        reading.blame("/resourceType", "is not Questionnaire")
    title = _spoken(reading, resource, "title", "")
    items = _items(reading, resource, "", 1)
    if not any(each.asks for each in walk(items)):
        reading.blame("/item", "asks nothing")
    if reading.faults:
        raise InvalidQuestionnaire(faults=reading.faults[:MOST_FAULTS])
    return Questionnaire(title, items)


def _known(reading: _Reading, element: Mapping[str, Any], names: frozenset[str], at: str) -> None:
    for name in sorted(set(element) - names):
        reading.blame(f"{at}/{_escaped(name)}", "is not supported here")


def _escaped(name: str) -> str:
    return name[:64].replace("~", "~0").replace("/", "~1")


def _spoken(reading: _Reading, element: Mapping[str, Any], name: str, at: str, *, needed: bool = True) -> Spoken:
    words = element.get(name, "")
    if not isinstance(words, str) or not (words.strip() or not needed) or len(words) > LONGEST_TEXT:
        reading.blame(f"{at}/{name}", f"needs 1 to {LONGEST_TEXT} characters")
        words = ""
    return Spoken(words, dict(_translations(reading, element.get(f"_{name}", {}), f"{at}/_{name}")))


def _translations(reading: _Reading, extended: Any, at: str) -> Iterator[tuple[str, str]]:
    extensions = extended.get("extension", []) if isinstance(extended, dict) else None
    if not isinstance(extensions, list):
        reading.blame(at, "is not a list of translations")
        return None
    for number, each in enumerate(extensions):
        said = _translation(each)
        if said is None:
            reading.blame(f"{at}/extension/{number}", "is not a translation")
        else:
            yield said
    return None


def _translation(extension: Any) -> tuple[str, str] | None:
    """Language and words."""
    parts = extension.get("extension") if isinstance(extension, dict) and extension.get("url") == TRANSLATION else None
    said = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    language = next((part.get("valueCode") for part in said if part.get("url") == "lang"), None)
    words = next((part.get("valueString") for part in said if part.get("url") == "content"), None)
    if not isinstance(language, str) or not LANGUAGE.fullmatch(language) or not isinstance(words, str):
        return None
    return (language, words) if words.strip() and len(words) <= LONGEST_TEXT else None


def _items(reading: _Reading, parent: Mapping[str, Any], at: str, depth: int) -> tuple[Item, ...]:
    found = parent.get("item", [])
    if not isinstance(found, list) or not found:
        reading.blame(f"{at}/item", "is not a list of items")
        return ()
    if depth > DEEPEST:
        reading.blame(f"{at}/item", f"goes deeper than {DEEPEST} levels")
        return ()
    read = [_item(reading, each, f"{at}/item/{number}", depth) for number, each in enumerate(found)]
    return tuple(each for each in read if each is not None)


def _item(reading: _Reading, element: Any, at: str, depth: int) -> Item | None:
    reading.count += 1
    if reading.count > MOST_ITEMS:
        if reading.count == MOST_ITEMS + 1:
            reading.blame(at, f"is more than {MOST_ITEMS} items")
        return None
    if not isinstance(element, dict):
        reading.blame(at, "is not an item")
        return None
    _known(reading, element, ITEM, at)
    kind = element.get("type")
    if not isinstance(kind, str) or kind not in set(Kind):
        reading.blame(f"{at}/type", "is none of " + ", ".join(Kind))
        return None
    link_id = _link_id(reading, element, at)
    bare = Item(
        link_id=link_id,
        kind=Kind(kind),
        label=_spoken(reading, element, "text", at, needed=kind != Kind.GROUP),
        required=_required(reading, element, at),
        options=_options(reading, element, at),
        conditions=_conditions(reading, element, at),
        any_of=_any_of(reading, element, at),
        max_length=_max_length(reading, element, at),
    )
    reading.seen[link_id] = bare
    bounded = _bounded(reading, bare, element, at)
    item = replace(bounded, initial=_initial(reading, bounded, element, at))
    reading.seen[link_id] = item
    if kind == Kind.GROUP:
        return replace(item, items=_items(reading, element, at, depth + 1))
    if "item" in element:
        reading.blame(f"{at}/item", "only a group has items")
    return item


def _link_id(reading: _Reading, element: Mapping[str, Any], at: str) -> str:
    link_id = element.get("linkId")
    if not isinstance(link_id, str) or not LINK_ID.fullmatch(link_id):
        reading.blame(f"{at}/linkId", "needs 1 to 64 letters, digits, points, slashes or hyphens")
        return at
    if link_id in reading.seen:
        reading.blame(f"{at}/linkId", "is used twice")
    return link_id


def _required(reading: _Reading, element: Mapping[str, Any], at: str) -> bool:
    required = element.get("required", False)
    if not isinstance(required, bool):
        reading.blame(f"{at}/required", "is not a boolean")
    elif required and element["type"] in set(SILENT):
        reading.blame(f"{at}/required", "only a question can be required")
    return required is True


def _max_length(reading: _Reading, element: Mapping[str, Any], at: str) -> int:
    most = LONGEST_STRING if element["type"] == Kind.STRING else LONGEST_WRITING
    if "maxLength" not in element:
        return most
    length = element["maxLength"]
    if not isinstance(length, int) or isinstance(length, bool) or not 1 <= length <= most:
        reading.blame(f"{at}/maxLength", f"is not a number from 1 to {most}")
        return most
    if element["type"] not in {Kind.STRING, Kind.TEXT}:
        reading.blame(f"{at}/maxLength", "only a string or text has a length")
    return length


def _bounded(reading: _Reading, item: Item, element: Mapping[str, Any], at: str) -> Item:
    """The item with the least and the most that its answer may be."""
    listed = element.get("extension", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        reading.blame(f"{at}/extension", "is not a list of extensions")
        return item
    found: dict[str, Answer] = {}
    for number, each in enumerate(listed):
        url, value = each.get("url"), {name: each[name] for name in each if name != "url"}
        answer = _answer(item, value, "value") if url in (LEAST, MOST) and item.kind in BOUNDED else None
        if answer is None or url in found:
            reading.blame(f"{at}/extension/{number}", "is not the least or the most that this answer may be")
        else:
            found[str(url)] = answer
    bounded = replace(item, least=found.get(LEAST), most=found.get(MOST))
    if bounded.least is not None and not in_range(bounded, bounded.least):
        reading.blame(f"{at}/extension", "the least is more than the most")
    return bounded


def _options(reading: _Reading, element: Mapping[str, Any], at: str) -> tuple[Option, ...]:
    listed = element.get("answerOption", [])
    if element["type"] != Kind.CHOICE:
        if listed:
            reading.blame(f"{at}/answerOption", "only a choice has options")
        return ()
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_OPTIONS:
        reading.blame(f"{at}/answerOption", f"is not a list of 1 to {MOST_OPTIONS} options")
        return ()
    read = [_option(reading, each, f"{at}/answerOption/{number}") for number, each in enumerate(listed)]
    options = tuple(each for each in read if each is not None)
    if len({each.code for each in options}) != len(options):
        reading.blame(f"{at}/answerOption", "has an option twice")
    return options


def _option(reading: _Reading, element: Any, at: str) -> Option | None:
    if isinstance(element, dict) and set(element) <= {"valueString", "_valueString"} and "valueString" in element:
        label = _spoken(reading, element, "valueString", at)
        return Option(label.words, label)
    coding = element.get("valueCoding") if isinstance(element, dict) and set(element) == {"valueCoding"} else None
    if not isinstance(coding, dict):
        reading.blame(at, "is neither valueCoding nor valueString")
        return None
    _known(reading, coding, frozenset({"system", "version", "code", "display", "_display"}), f"{at}/valueCoding")
    code = coding.get("code")
    if not isinstance(code, str) or not CODE.fullmatch(code) or len(code) > LONGEST_STRING:
        reading.blame(f"{at}/valueCoding/code", "is not a code")
        return None
    return Option(code, _spoken(reading, coding, "display", f"{at}/valueCoding"))


def _any_of(reading: _Reading, element: Mapping[str, Any], at: str) -> bool:
    behavior = element.get("enableBehavior")
    several = isinstance(listed := element.get("enableWhen"), list) and len(listed) > 1
    if behavior not in ("all", "any") and (several or behavior is not None):  # FHIR R4, Questionnaire, que-12
        reading.blame(f"{at}/enableBehavior", "is neither all nor any")
    return behavior == "any"


def _conditions(reading: _Reading, element: Mapping[str, Any], at: str) -> tuple[Condition, ...]:
    listed = element.get("enableWhen", [])
    if not isinstance(listed, list) or len(listed) > MOST_CONDITIONS:
        reading.blame(f"{at}/enableWhen", f"is not a list of 1 to {MOST_CONDITIONS} conditions")
        return ()
    read = [_condition(reading, each, f"{at}/enableWhen/{number}") for number, each in enumerate(listed)]
    return tuple(each for each in read if each is not None)


def _condition(reading: _Reading, element: Any, at: str) -> Condition | None:
    question = element.get("question") if isinstance(element, dict) else None
    asked = reading.seen.get(question) if isinstance(question, str) else None
    if asked is None or not asked.asks:  # so that there are no circles, and a page that is read downwards makes sense
        reading.blame(f"{at}/question", "is not an earlier question")
        return None
    answers = {name: element[name] for name in element if name not in {"question", "operator"}}
    match element.get("operator"):
        case "exists" if set(answers) == {"answerBoolean"} and isinstance(answers["answerBoolean"], bool):
            return Condition(asked.link_id, exists=answers["answerBoolean"])
        case "=" if (answer := _answer(asked, answers, "answer")) is not None:
            return Condition(asked.link_id, answer)
        case "exists" | "=":
            reading.blame(at, "does not fit the question it depends on")
            return None
        case _:
            reading.blame(f"{at}/operator", "is neither = nor exists")
            return None


def _initial(reading: _Reading, item: Item, element: Mapping[str, Any], at: str) -> Answer | None:
    if "initial" not in element:
        return None
    listed = element["initial"]
    one = listed[0] if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], dict) else {}
    answer = _answer(item, one, "value")
    if answer is None:
        reading.blame(f"{at}/initial", "is not one answer to this question")
    return answer


def _answer(item: Item, element: Mapping[str, Any], prefix: str) -> Answer | None:
    """The one `value[x]` of an element, as an answer to that item; None when it is none."""
    if len(element) != 1:
        return None
    ((name, value),) = element.items()
    if name not in {f"{prefix}{each}" for each in VALUES.get(item.kind, ())}:
        return None
    if name.endswith("Coding"):
        value = value.get("code") if isinstance(value, dict) else None
    elif name.endswith("Decimal") and isinstance(value, int | float) and not isinstance(value, bool):
        value = format(Decimal(str(value)), "f")
    try:
        return read_value(item, value)
    except ValueError:
        return None

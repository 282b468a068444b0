"""Words with places to be filled: what may stand in them, what is wrong with them, and filling them. Pure.

A place is a name in braces, such as {when}. Nothing in it is run: it is looked for in a closed list and replaced.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from telehealth.core.errors import Kind, Refusal
from telehealth.people.rules import words

PLACE = re.compile(r"\{([^{}\n]*)\}")
ADDRESS = re.compile(r"(?i)[a-z][a-z0-9+.-]*://|\bwww\.|\b[a-z0-9-]+\.(?:com|net|org|health|care|example)\b")
LONGEST_SUBJECT, LONGEST_BODY, LONGEST_WORD = 120, 3000, 40
TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they make a text read as another
# Beginnings of words that say or hint at what a person has or is treated for, without accents, as `words` leaves them.
CLINICAL: Mapping[str, tuple[str, ...]] = {
    "en": (
        *("diagnos", "disease", "disorder", "illness", "symptom", "biops", "cancer", "tumor", "tumour", "oncolog"),
        *("hiv", "aids", "std", "sti", "hepatit", "diabet", "asthma", "depress", "anxiet", "psychiatr", "psycholog"),
        *("mental", "suicid", "addict", "alcohol", "abuse", "pregnan", "abort", "fertilit", "contracept", "gynec"),
        *("cardiolog", "dermatolog", "neurolog", "urolog", "dialysis", "surger", "chemotherap", "radiotherap"),
        *("medication", "medicine", "prescri", "dose", "dosage", "drug", "insulin", "antibiot", "vaccin", "blood"),
        *("lab", "labs", "laborator", "imaging", "mri", "xray", "infect", "covid", "dementia", "epilep", "obes"),
    ),
    "es": (
        *("diagnos", "enfermedad", "trastorno", "sintoma", "biops", "cancer", "tumor", "oncolog", "vih", "sida"),
        *("hepatit", "diabet", "asma", "depresi", "ansiedad", "psiquiatr", "psicolog", "mental", "suicid", "adicci"),
        *("alcohol", "embaraz", "abort", "fertilidad", "anticoncept", "ginecolog", "cardiolog", "dermatolog"),
        *("neurolog", "urolog", "dialisis", "cirug", "quimioterap", "radioterap", "medicament", "medicaci", "receta"),
        *("dosis", "insulina", "antibiot", "vacuna", "sangre", "analisis", "laboratori", "infecci", "demencia"),
        *("epileps", "obesidad", "covid"),
    ),
    "fr": (
        *("diagnos", "maladie", "trouble", "symptom", "biops", "cancer", "tumeur", "oncolog", "vih", "sida"),
        *("hepatit", "diabet", "asthm", "depress", "anxiete", "psychiatr", "psycholog", "mental", "suicid", "addicti"),
        *("alcool", "grossesse", "enceinte", "avort", "fertilite", "contracept", "gynecolog", "cardiolog"),
        *("dermatolog", "neurolog", "urolog", "dialyse", "chirurg", "chimiotherap", "radiotherap", "medicament"),
        *("ordonnance", "posologie", "insuline", "antibiot", "vaccin", "sang", "analyse", "laboratoire", "infecti"),
        *("demence", "epileps", "obesite", "covid"),
    ),
    "ar": (
        *("تشخيص", "مرض", "امراض", "اضطراب", "اعراض", "خزعه", "خزعة", "سرطان", "ورم", "اورام", "ايدز"),
        *("سكري", "ربو", "اكتياب", "قلق", "نفسي", "انتحار", "ادمان", "كحول", "حمل", "حامل", "اجهاض", "خصوبه", "خصوبة"),
        *("جراحه", "جراحة", "كيماوي", "كيميايي", "دواء", "ادويه", "ادوية", "وصفه", "وصفة", "جرعه", "جرعة", "انسولين"),
        *("لقاح", "تطعيم", "دم", "تحليل", "تحاليل", "مختبر", "عدوي", "عدوى", "التهاب", "صرع", "خرف", "كوفيد"),
    ),
}
WHOLE = frozenset(
    {"std", "sti", "aids", "hiv", "lab", "labs", "mri", "dose", "sida", "sang", "vih", "دم", "حمل", "قلق"}
)
_ARTICLES = ("وال", "بال", "لل", "كال", "فال", "ال")


class _Open(dict[str, str]):
    """Makes a place of each name in the words of a catalogue: of %(when)s, {when}."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


OPEN: Mapping[str, str] = _Open()


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said, with its places; a text message has no subject. Lines end with LF."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What words must keep to: `known` places may stand in the body, `needed` must, `open_to` may be in the subject.

    `one_line`: they are as short as a subject.
    """

    known: frozenset[str]
    needed: frozenset[str]
    open_to: frozenset[str]
    has_subject: bool
    one_line: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in that field at that line, from 1; 0 is the whole. `word` is what is meant of what was typed.

    Codes: `required`, `long`, `place` (not known here), `missing` (a place), `twice` (a place), `clinical`,
    `address` (a link other than its place), `line` (more than one, or too long a one), `character` (none that can be
    read), `segments` (a text too long to send).
    """

    field: str
    line: int
    code: str
    word: str = ""


class UnfitText(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-text", "This text cannot be sent"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        told = [{"field": each.field, "line": each.line, "code": each.code} for each in self.faults]
        super().__init__(faults=told)


def cleaned(text: str) -> str:
    """As it is kept: browsers send CR LF; what stands at the end of a line and of the whole is nothing."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def faults(wording: Wording, frame: Frame, *, language: str) -> list[Fault]:
    """What keeps these words from being sent in that language, in the order of their lines."""
    found: list[Fault] = []
    if frame.has_subject:
        found += _field("subject", wording.subject, frame.open_to, language)
        if "\n" in wording.subject:
            found.append(Fault("subject", 2, "character"))
    elif wording.subject:
        found.append(Fault("subject", 1, "long"))
    found += _field("body", wording.body, frame.known, language)
    if frame.one_line and ("\n" in wording.body or len(wording.body) > LONGEST_SUBJECT):
        found.append(Fault("body", 0, "line"))
    held = PLACE.findall(wording.body)
    if wording.body.strip():
        found += [Fault("body", 0, "missing", name) for name in sorted(frame.needed - set(held))]
    if held.count("link") > 1:
        at = [number for number, line in _lines(wording.body) if "{link}" in line]
        found.append(Fault("body", at[-1], "twice", "link"))
    return found


def filled(text: str, said: Mapping[str, str]) -> str:
    """The words with what is said in each place; nothing where nothing is."""
    return PLACE.sub(lambda place: said.get(place[1], ""), text)


def letter(wording: Wording, said: Mapping[str, str]) -> Wording:
    """A mail's words: a line with a place for which there is nothing to say is left out."""
    kept = [filled(line, said) for _, line in _lines(wording.body) if all(map(said.get, PLACE.findall(line)))]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip("\n")
    return Wording(re.sub(" {2,}", " ", filled(wording.subject, said)).strip(), f"{body}\n")


def clinical(text: str, language: str) -> Iterator[str]:
    """The words in it that say what should not stand on a locked screen; English ones in any language."""
    stems = (*CLINICAL["en"], *(() if language == "en" else CLINICAL.get(language, ())))
    for word in words(PLACE.sub(" ", text)):
        if any(_begins(form, stem) for form in _forms(word) for stem in stems):
            yield word


def _begins(word: str, stem: str) -> bool:
    return word == stem if stem in WHOLE else word.startswith(stem)


def _forms(word: str) -> Iterator[str]:
    """An Arabic word is written together with its article and what stands before it."""
    yield word
    yield from (word.removeprefix(article) for article in _ARTICLES if word.startswith(article))


def _field(field: str, text: str, known: frozenset[str], language: str) -> Iterator[Fault]:
    if not text.strip():
        yield Fault(field, 0, "required")
    if len(text) > (LONGEST_SUBJECT if field == "subject" else LONGEST_BODY):
        yield Fault(field, 0, "long")
        return
    for number, line in _lines(text):
        yield from (replace(each, field=field, line=number) for each in _line(line, known, language))


def _line(line: str, known: frozenset[str], language: str) -> Iterator[Fault]:
    for name in PLACE.findall(line):
        if name not in known:
            yield Fault("", 0, "place", f"{{{name[:LONGEST_WORD]}}}")
    bare = PLACE.sub(" ", line)
    if brace := next((each for each in bare if each in "{}"), None):
        yield Fault("", 0, "place", brace)
    if found := ADDRESS.search(bare):
        yield Fault("", 0, "address", found[0][:LONGEST_WORD])
    if any(unicodedata.category(each) in ("Cc", "Cs", "Co", "Cn") or each in TURNS for each in line):
        yield Fault("", 0, "character")
    yield from (Fault("", 0, "clinical", word[:LONGEST_WORD]) for word in dict.fromkeys(clinical(line, language)))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    yield from enumerate(text.split("\n"), start=1)

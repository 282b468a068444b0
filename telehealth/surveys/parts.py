"""The questions that come with the house: how it was, from 0 to 10; whether one could see and hear; what else. Pure."""

from collections.abc import Mapping
from typing import Any

CODE = "after-visit"
MOST_WORDS = 1000
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
LIMIT = "http://hl7.org/fhir/StructureDefinition/{}Value"
Words = Mapping[str, str]
TITLE: Words = {
    "en": "How was your visit?",
    "es": "¿Qué tal fue su visita?",
    "fr": "Comment s'est passée votre visite ?",
    "ar": "كيف كانت زيارتك؟",
}
OVERALL: Words = {
    "en": "How was the visit as a whole? 0 is as bad as can be, 10 as good as can be.",
    "es": "¿Qué tal fue la visita en conjunto? 0 es lo peor posible y 10 lo mejor posible.",
    "fr": "Comment s'est passée la visite dans l'ensemble ? 0 : aussi mal que possible, 10 : aussi bien que possible.",
    "ar": "كيف كانت الزيارة إجمالًا؟ 0 هو الأسوأ و10 هو الأفضل.",
}
CLEAR: Words = {
    "en": "Were picture and sound good enough?",
    "es": "¿La imagen y el sonido fueron lo bastante buenos?",
    "fr": "L'image et le son étaient-ils assez bons ?",
    "ar": "هل كانت الصورة والصوت جيدين بما يكفي؟",
}
COMMENT: Words = {
    "en": "Is there anything you want to tell us?",
    "es": "¿Hay algo que nos quiera decir?",
    "fr": "Y a-t-il quelque chose que vous voulez nous dire ?",
    "ar": "هل هناك ما تود أن تخبرنا به؟",
}


def built_in() -> dict[str, Any]:
    """A FHIR R4 Questionnaire."""
    bounds = [{"url": LIMIT.format(name), "valueInteger": value} for name, value in (("min", 0), ("max", 10))]
    return {
        "resourceType": "Questionnaire",
        "status": "active",
        **_spoken("title", TITLE),
        "item": [
            {"linkId": "overall", "type": "integer", "required": True, "extension": bounds, **_spoken("text", OVERALL)},
            {"linkId": "clear", "type": "boolean", **_spoken("text", CLEAR)},
            {"linkId": "comment", "type": "text", "maxLength": MOST_WORDS, **_spoken("text", COMMENT)},
        ],
    }


def _spoken(name: str, words: Words) -> dict[str, Any]:
    said = [
        {
            "url": TRANSLATION,
            "extension": [{"url": "lang", "valueCode": code}, {"url": "content", "valueString": text}],
        }
        for code, text in words.items()
        if code != "en"
    ]
    return {name: words["en"], f"_{name}": {"extension": said}}

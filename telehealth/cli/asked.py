"""What the demo's clinic asks before a visit: a text to agree to, a few questions. An example, not advice on law."""

from typing import Any

TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"

CONSENT = {
    "en": (
        "Your visit takes place by video. A clinician talks with you and looks at you through the camera; some things "
        "cannot be examined that way, and you may then be asked to come to us.\n\n"
        "No call is recorded unless you agree to it while it goes on. "
        "What you tell us goes into your record, as at any visit.\n\n"
        "You may stop at any time, and you may always come to us instead."
    ),
    "es": (
        "Su visita es por vídeo. Un profesional habla con usted y le ve por la cámara; hay cosas que no se pueden "
        "examinar así, y entonces quizá le pidamos que venga.\n\n"
        "Ninguna llamada se graba si usted no da su acuerdo durante ella. "
        "Lo que nos cuente se anota en su historia clínica, como en cualquier visita.\n\n"
        "Puede parar en cualquier momento, y siempre puede venir en persona."
    ),
    "fr": (
        "Votre visite a lieu par vidéo. Un soignant vous parle et vous voit par la caméra ; certaines choses ne "
        "peuvent pas être examinées ainsi, et on vous demandera alors peut-être de venir.\n\n"
        "Aucun appel n'est enregistré sans votre accord pendant l'appel. "
        "Ce que vous nous dites est noté dans votre dossier, comme à toute visite.\n\n"
        "Vous pouvez arrêter à tout moment, et vous pouvez toujours venir sur place."
    ),
    "ar": (
        "تتم زيارتك عبر الفيديو. يتحدث معك أحد المعالجين ويراك من خلال الكاميرا؛ هناك أمور لا يمكن فحصها بهذه الطريقة، "
        "وقد نطلب منك عندئذٍ الحضور إلينا.\n\n"
        "لا تُسجَّل أي مكالمة ما لم توافق على ذلك أثناءها. يُكتب ما تخبرنا به في ملفك الطبي كما في أي زيارة.\n\n"
        "يمكنك التوقف في أي وقت، ويمكنك دائمًا الحضور إلينا بدلًا من ذلك."
    ),
}


def _said(es: str, fr: str, ar: str) -> dict[str, Any]:
    """The same words in other languages, as FHIR has them."""
    return {
        "extension": [
            {
                "url": TRANSLATION,
                "extension": [{"url": "lang", "valueCode": code}, {"url": "content", "valueString": text}],
            }
            for code, text in (("es", es), ("fr", fr), ("ar", ar))
        ]
    }


def _option(code: str, display: str, *others: str) -> dict[str, Any]:
    return {"valueCoding": {"code": code, "display": display, "_display": _said(*others)}}


QUESTIONNAIRE: dict[str, Any] = {
    "resourceType": "Questionnaire",
    "status": "active",
    "title": "Before your visit",
    "item": [
        {
            "linkId": "reason",
            "type": "text",
            "text": "What would you like to talk about?",
            "_text": _said("¿De qué le gustaría hablar?", "De quoi aimeriez-vous parler ?", "ما الذي تود التحدث عنه؟"),
            "required": True,
            "maxLength": 1000,
        },
        {
            "linkId": "since",
            "type": "choice",
            "text": "How long has it been so?",
            "_text": _said("¿Desde hace cuánto?", "Depuis combien de temps ?", "منذ متى؟"),
            "answerOption": [
                _option("days", "A few days", "Unos días", "Quelques jours", "بضعة أيام"),
                _option("weeks", "A few weeks", "Unas semanas", "Quelques semaines", "بضعة أسابيع"),
                _option("longer", "Longer", "Más tiempo", "Plus longtemps", "أكثر من ذلك"),
            ],
        },
        {
            "linkId": "medicines",
            "type": "boolean",
            "text": "Do you take any medicines?",
            "_text": _said("¿Toma algún medicamento?", "Prenez-vous des médicaments ?", "هل تتناول أي أدوية؟"),
            "required": True,
        },
        {
            "linkId": "which",
            "type": "string",
            "text": "Which ones?",
            "_text": _said("¿Cuáles?", "Lesquels ?", "ما هي؟"),
            "required": True,
            "enableWhen": [{"question": "medicines", "operator": "=", "answerBoolean": True}],
        },
    ],
}

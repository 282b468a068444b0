"""The pages on which administrators write what messages say."""

from types import SimpleNamespace as Data

from telehealth.http.locales import LANGUAGES, Locales
from telehealth.notifications.slots import ALL, NAMED
from telehealth.notifications.wording import Fault
from tests.web.admin_samples import ADMIN
from tests.web.sample import Sample

_PATH = "/admin/message-texts"
_KINDS = list(dict.fromkeys(each.kind for each in ALL))
_LIST = {
    "clinic": "Riverside Clinic",
    "me": ADMIN,
    "told": "",
    "tongues": LANGUAGES,
    "kinds": [(kind, [each for each in ALL if each.kind is kind]) for kind in _KINDS],
    "changed": {("reminder-patient-sms", "ar")},
}
_BODY = "{greeting}\n\nموعدكم يوم {when}.\n\n{link}\n\n{clinic}"
_DRAWN = Data(
    subject="تذكير بزيارتكم: الأربعاء، 23 سبتمبر 2026",
    body="مرحبًا فاطمة،\n\nموعدكم يوم الأربعاء، 23 سبتمبر 2026 في 4:30 م (توقيت وسط أوروبا الصيفي).\n\nhttps://visits.example/join/Zk3vQm8XrT1pLw6YbN0cHs5DfJ9gKa2EiUo4RtVxWyM\n\nRiverside\n",
    parts=None,
)
_MAIL = {
    "clinic": "Riverside Clinic",
    "me": ADMIN,
    "words": NAMED["offer-patient-email"],
    "language": "ar",
    "tongue": Locales.load().get("ar"),
    "tongues": LANGUAGES,
    "version": 3,
    "published": Data(),
    "typed": {"subject": "تذكير بزيارتكم: {when}", "body": _BODY},
    "theirs": None,
    "faults": (),
    "places": sorted(NAMED["offer-patient-email"].frame.known),
    "needed": ["link", "when"],
    "drawn": _DRAWN,
    "budget": 3,
    "zone": "Europe/Paris",
    "zones": ["Africa/Casablanca", "Europe/Paris"],
    "changed": False,
    "told": "published",
}
_CODES = ("required", "place", "twice", "clinical", "address", "character", "long")
_WRONG = {
    "told": "",
    "changed": True,
    "theirs": Data(subject="", body="Join: {link}"),
    "words": NAMED["reminder-patient-sms"],
    "faults": [
        *(Fault("body", line, code, "{whenn}") for line, code in enumerate(_CODES, start=1)),
        Fault("body", 0, "missing", "link"),
        Fault("body", 0, "segments", "5"),
    ],
    "drawn": Data(subject="", body="Riverside: Reminder", parts=5),
}
_SUBJECT = {"told": "retired", "version": 0, "published": None, "faults": [Fault("subject", 1, "clinical", "biopsy")]}

TEXTS = (
    Sample("admin_message_texts", "admin_message_texts.html", _LIST, _PATH),
    Sample("admin_message_text", "admin_message_text.html", _MAIL, f"{_PATH}/offer-patient-email/ar"),
    Sample(
        "admin_message_text_wrong", "admin_message_text.html", {**_MAIL, **_WRONG}, f"{_PATH}/reminder-patient-sms/ar"
    ),
    Sample(
        "admin_message_text_subject",
        "admin_message_text.html",
        {**_MAIL, **_SUBJECT},
        f"{_PATH}/offer-patient-email/ar",
    ),
)

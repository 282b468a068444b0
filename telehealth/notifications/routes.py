"""The ways in to messages: what comes back by the gateway, links in mails, pages of patients and desk, words."""

from dataclasses import asdict
from itertools import product

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import ConditionMissing, NotFound, Stale
from telehealth.core.time import parse_zone
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, required_match
from telehealth.http.locales import LANGUAGES
from telehealth.http.operation import PUBLIC, Documented, operation, page
from telehealth.http.problems import MalformedBody
from telehealth.notifications import (
    administration,
    desk,
    pages,
    parked,
    publishing,
    queries,
    reminding,
    replies,
    subscribing,
    trial,
)
from telehealth.notifications.administration import house_of, named, spoken, view
from telehealth.notifications.letters import Voice
from telehealth.notifications.replies import NotOurGateway
from telehealth.notifications.rules import Moving
from telehealth.notifications.schemas import (
    MessageTextContent,
    MessageTextsView,
    MessageTextView,
    PreviewText,
    TextFault,
    TextPreview,
)
from telehealth.notifications.slots import ALL, BUDGET, Published
from telehealth.notifications.subscribing import NoNotifications
from telehealth.notifications.wording import UnfitText


async def list_texts(call: Call) -> MessageTextsView:
    """What is said now, of everything in every language; version 0 is the catalogue's."""
    changed = await call.run(queries.in_force)
    known = product(ALL, LANGUAGES)
    return MessageTextsView(items=[view(call, each, code, changed.get((each, code))) for each, code in known])


async def read_text(call: Call, words: str, language: str) -> Reply[MessageTextView]:
    """What is said now, and its version; 0 is the catalogue's."""
    asked = named(words, language)
    found = (await call.run(queries.in_force)).get((asked, language))
    return _reply(view(call, asked, language, found))


async def list_text_versions(call: Call, words: str, language: str) -> MessageTextsView:
    """All that administrators have published, the latest first."""
    found = await call.run(queries.versions, named(words, language), language)
    return MessageTextsView(items=[MessageTextView.of(each) for each in found])


async def publish_text(call: Call, words: str, language: str, body: MessageTextContent) -> Reply[MessageTextView]:
    """The next version, over the one that was read; the next message is sent in it."""
    version = required_match(call)
    found: Published = await administration.publish(call, words, language, body.wording(), version=version)
    return _reply(MessageTextView.of(found))


async def retire_text(call: Call, words: str, language: str) -> None:
    """From now on the catalogue's words are sent again."""
    await call.run(publishing.retire, named(words, language), language, version=required_match(call))


async def preview_text(call: Call, words: str, language: str, body: PreviewText) -> TextPreview:
    """How it would read with sample data, and what keeps it from being published. Nothing is kept."""
    asked, locale, house = named(words, language), spoken(call, language), await house_of(call)
    wording, voice = body.wording(), Voice(locale, parse_zone(body.time_zone))
    shown = trial.drawn(asked, wording, house, voice, at=body.at or trial.SAMPLE)
    return TextPreview(
        subject=shown.subject,
        body=shown.body,
        language=language,
        direction=locale.direction,
        parts=shown.parts,
        budget=None if shown.parts is None else BUDGET,
        faults=[TextFault.model_validate(asdict(each)) for each in trial.wrong(asked, wording, house, locale)],
    )


def _reply(shown: MessageTextView) -> Reply[MessageTextView]:
    return Reply(shown, headers=etag(shown.version))


_OWN_SCOPE, _OWN = Scope.VISITS_JOIN, Purpose.PATIENT_REQUEST
_DESK, _CARE, CONTACT = Scope.PATIENTS_WRITE, Purpose.TREATMENT, "/desk/{patient:uuid}/contact"
_REFUSED = (NotFound, NotOurGateway, MalformedBody)
_ABSENT, _UNFIT = (NotFound,), (NotFound, NoNotifications)
TWIML = Documented(200, "text/xml")
TEXTS, TEXT = "/v1/message-texts", "/v1/message-texts/{words}/{language}"
TEXT_PAGE = f"{administration.PATH}/{{words}}/{{language}}"
_ADMIN, _CONFLICTS = Scope.VISIT_TYPES_WRITE, (ConditionMissing, Stale)
_RUNS, _AGAIN = Scope.INTEGRATIONS_WRITE, (NotFound, Moving)
UNSUBSCRIBE = "/unsubscribe/{link}/{purpose}"
OPERATIONS = (
    operation("POST", "/v1/texts/inbound", replies.text_back, needs=PUBLIC, purpose=_OWN, errors=_REFUSED),
    operation(
        "POST",
        "/v1/texts/inbound/twilio",
        replies.text_back_by_twilio,
        needs=PUBLIC,
        purpose=_OWN,
        errors=_REFUSED,
        answers=(TWIML,),
    ),
    operation("GET", "/v1/messages", parked.list_messages, needs=_RUNS),
    operation(
        "POST", "/v1/messages/{message:uuid}/redrive", parked.redrive_message, needs=_RUNS, status=204, errors=_AGAIN
    ),
    operation("GET", TEXTS, list_texts, needs=_ADMIN),
    operation("GET", TEXT, read_text, needs=_ADMIN, errors=(NotFound,)),
    operation("GET", f"{TEXT}/versions", list_text_versions, needs=_ADMIN, errors=(NotFound,)),
    operation("PUT", TEXT, publish_text, needs=_ADMIN, errors=(NotFound, UnfitText, *_CONFLICTS)),
    operation("DELETE", TEXT, retire_text, needs=_ADMIN, status=204, errors=(NotFound, *_CONFLICTS)),
    operation("POST", f"{TEXT}/preview", preview_text, needs=_ADMIN, errors=(NotFound,)),
    operation(
        "POST",
        "/v1/messages/receipts",
        replies.receipt,
        needs=PUBLIC,
        purpose=_OWN,
        status=204,
        errors=_REFUSED,
    ),
    operation(
        "POST",
        "/v1/messages/{message:uuid}/receipts/twilio",
        replies.receipt_by_twilio,
        needs=PUBLIC,
        purpose=_OWN,
        status=204,
        errors=_REFUSED,
    ),
    operation(
        "POST",
        "/v1/messages/{message:uuid}/shown/{proof}",
        replies.shown,
        needs=PUBLIC,
        purpose=_OWN,
        status=204,
        errors=_ABSENT,
    ),
    operation("GET", "/v1/visit/devices", subscribing.patients_devices, needs=_OWN_SCOPE, purpose=_OWN, errors=_ABSENT),
    operation("GET", "/v1/me/devices", subscribing.clinicians_devices, needs=Scope.VISITS_HOST, errors=_ABSENT),
    operation(
        "POST",
        "/v1/visit/devices",
        subscribing.notify_patient,
        needs=_OWN_SCOPE,
        purpose=_OWN,
        status=204,
        errors=_UNFIT,
    ),
    operation(
        "POST",
        "/v1/visit/devices/forget",
        subscribing.notify_patient_no_more,
        needs=_OWN_SCOPE,
        purpose=_OWN,
        status=204,
        errors=_ABSENT,
    ),
    operation(
        "POST",
        "/v1/devices/renewed",
        subscribing.renew_browser,
        needs=PUBLIC,
        purpose=_OWN,
        status=204,
        errors=_UNFIT,
    ),
    operation(
        "POST",
        "/v1/me/devices",
        subscribing.notify_clinician,
        needs=Scope.VISITS_HOST,
        status=204,
        errors=_UNFIT,
    ),
    operation(
        "POST",
        "/v1/me/devices/forget",
        subscribing.notify_clinician_no_more,
        needs=Scope.VISITS_HOST,
        status=204,
        errors=_ABSENT,
    ),
)
PAGES = (
    page("GET", parked.PATH, parked.messages_page, needs=_RUNS, stays=("after",)),
    page("POST", f"{parked.PATH}/{{message:uuid}}/redrive", parked.redrive_message_on_page, needs=_RUNS, errors=_AGAIN),
    page("GET", UNSUBSCRIBE, pages.unsubscribe, needs=PUBLIC),
    page("POST", UNSUBSCRIBE, pages.unsubscribe_at_once, needs=PUBLIC, purpose=_OWN),
    page("POST", f"{UNSUBSCRIBE}/again", pages.subscribe_again, needs=PUBLIC, purpose=_OWN),
    page("GET", administration.PATH, administration.texts_page, needs=_ADMIN),
    page("GET", TEXT_PAGE, administration.text_page, needs=_ADMIN, errors=(NotFound,)),
    page("POST", TEXT_PAGE, administration.save_text, needs=_ADMIN, errors=(NotFound,)),
    page("GET", reminding.PATH, reminding.reminders_page, needs=_ADMIN),
    page("POST", reminding.PATH, reminding.save_reminders, needs=_ADMIN),
    page("GET", "/visit/messages", pages.own_messages, needs=_OWN_SCOPE, purpose=_OWN),
    page("POST", "/visit/messages", pages.save_own_messages, needs=_OWN_SCOPE, purpose=_OWN),
    page("GET", CONTACT, desk.contact_page, needs=_DESK, purpose=_CARE, errors=(NotFound,)),
    page("POST", CONTACT, desk.save_contact, needs=_DESK, purpose=_CARE, errors=(NotFound,)),
    page("POST", "/visit/messages/show-nowhere", pages.show_nowhere, needs=_OWN_SCOPE, purpose=_OWN),
)
SOCKETS = ()

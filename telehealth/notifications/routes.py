"""The ways in to messages: what comes back by the gateway, the link in a mail, the patient's own page."""

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound
from telehealth.http.operation import PUBLIC, Documented, operation, page
from telehealth.http.problems import MalformedBody
from telehealth.notifications import pages, replies
from telehealth.notifications.replies import NotOurGateway

_OWN_SCOPE, _OWN = Scope.VISITS_JOIN, Purpose.PATIENT_REQUEST
_REFUSED = (NotFound, NotOurGateway, MalformedBody)
TWIML = Documented(200, "text/xml")
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
)
PAGES = (
    page("GET", UNSUBSCRIBE, pages.unsubscribe, needs=PUBLIC),
    page("POST", UNSUBSCRIBE, pages.unsubscribe_at_once, needs=PUBLIC, purpose=_OWN),
    page("POST", f"{UNSUBSCRIBE}/again", pages.subscribe_again, needs=PUBLIC, purpose=_OWN),
    page("GET", "/visit/messages", pages.own_messages, needs=_OWN_SCOPE, purpose=_OWN),
    page("POST", "/visit/messages", pages.save_own_messages, needs=_OWN_SCOPE, purpose=_OWN),
)
SOCKETS = ()

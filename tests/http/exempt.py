"""Which checks of the walk an operation is spared, each with its reason, and which doors are open to everyone."""

from collections.abc import Mapping
from enum import StrEnum

from tests.kit import knocking


class Check(StrEnum):
    ANONYMOUS = "without a credential 401"
    SCOPE = "with the wrong scope 403"
    STRANGER = "another's object is the same 404 as none"
    EMPTY = "an empty body is 400 or 422"
    METHOD = "another method is 405 with the right Allow"
    ECHO = "a rejected value is not repeated"
    EXTREME = "no value is too strange to be answered"
    TRACE = "reading leaves an audit row about the patient, and shows nobody else's data"


PUBLISHES = ("bulk_publish", "published_locations", "published_schedules", "published_slots")
PUBLISHED = "free times without names, when the clinic publishes them to everyone"
LINK = "the personal link is the credential"
IDENTIFY = ("identify_by_name", "identify", "identify_waiting")
BY_MAIL = ("unsubscribe", "unsubscribe_at_once", "subscribe_again")
SIGNED, BY_GATEWAY = (
    "the gateway signs what it brings",
    ("text_back", "text_back_by_twilio", "receipt", "receipt_by_twilio"),
)
PUBLIC_DOORS: Mapping[str, str] = {
    "http.healthz": "the process supervisor has no credential",
    "http.readyz": "the process supervisor has no credential",
    "http.openapi_document": "the API's description holds nobody's data",
    "http.problem_type": "what a problem means is the same for everyone",
    "records.metrics": "asks for the token of the settings, which is no credential of a person",
    "access.open_session": "this is where one gets a credential",
    "access.token": "this is where an integration gets a credential",
    "access.smart_configuration": "discovery comes before the credential (SMART App Launch 2.2, section 8.1)",
    "access.fhir_smart_configuration": "discovery comes before the credential (SMART App Launch 2.2, section 8.1)",
    "access.sign_in_page": "this is where one gets a credential",
    "access.submit_sign_in": "this is where one gets a credential",
    "access.submit_sign_out": "an ended session may be ended again",
    "visits.read_lifecycle": "the machine of visits holds nobody's data",
    "visits.draw_lifecycle": "the machine of visits holds nobody's data",
    "visits.front_door": "sends everyone on to a page that asks",
    "visits.offered": "the personal link of an offer is the credential, and opening it answers nothing",
    "visits.answer": "the personal link of an offer is the credential, and the identity step comes first",
    **dict.fromkeys(("visits.join_by_name", "visits.join", "visits.wait"), f"{LINK}, and the identity step follows"),
    **{f"visits.{name}": f"{LINK}, and this is the identity step" for name in IDENTIFY},
    "monitoring.questions_link": f"{LINK}, and the identity step follows",
    "monitoring.identify_asked": f"{LINK}, and this is the identity step",
    "exchange.subscribe": "the secret address is the credential, and what it shows names no patient",
    "video.poll_signalling": "a ticket is the credential, as at the socket",
    **knocking.OVER_HTTP,
    **{f"notifications.{name}": "the link is the credential: whoever has it has the mail" for name in BY_MAIL},
    **{f"notifications.{what}": SIGNED for what in BY_GATEWAY},
    "notifications.renew_browser": "what a browser alone was told of its former subscription is the credential",
    "notifications.shown": "what the device proves it was sent is the credential",
    **dict.fromkeys(("video.open_check", "video.list_open_ice_servers", "video.test_page"), "before there is a visit"),
    "visits.invitation": "the link is the credential, and the identity step follows",
    "visits.identify_invited": "the link is the credential, and this is the identity step",
    "visits.invited_times": "its own cookie, given by the identity step, is the credential",
    "visits.choose_invited": "its own cookie, given by the identity step, is the credential",
    "exchange.metadata": "a CapabilityStatement is read before signing in (FHIR R4, section 2.21)",
    **{f"exchange.{name}": PUBLISHED for name in PUBLISHES},
}
_QUEUED = ("read_queue_entry", "leave_queue", "drop_from_queue", "return_to_queue")
OF_THE_QUEUE = (*_QUEUED, "say_to_queued", "tell_queued", "take_off_queue")
TOGETHER = "all staff serve the queue together"
HAS_A_VISIT = "whose page this walk has, has a visit and no place in the queue any more"
OFFICE = "an admin answers for the resources of the whole house"
_OF_QUESTIONS = ("read_questionnaire", "publish_questionnaire", "retire_questionnaire", "retire_consent_text")
OF_THE_OFFICE = (*_OF_QUESTIONS, "retire_on_page", "questionnaire_page", "save_on_page", "retire_questions_on_page")
HOURS = "all staff see when a clinician works"
NO_PATIENT = "when somebody works is no patient's data"
TYPED = ("register", "identify", "identify_by_name", "invite_companion", "invite_on_page")
LISTED = ("calendars", "calendar_alerts", "holiday_calendars", "overrides")
VERBS = (("search", "s"), ("read", ""))
OF_PATHWAYS = ("list_pathways", "read_pathway", "list_pathway_versions", "pathways_page", "pathway_page")
OF_TEXTS = ("list_texts", "read_text", "list_text_versions", "texts_page", "text_page")
QUESTIONS = "questions are no patient's data, answers are"
OF_FORMS = ("list_forms", "read_form", "list_form_versions", "forms_page", "form_page")
OF_SURVEYS = ("read_survey", "read_survey_results", "survey_page")
OF_CLINICIANS = ("licences", "supervisors")
NO_TRAINEE = "this house has no trainee; its own tests look at what reading what one signed leaves"
NODELESS = "503 without a media node; test_openapi asks with one"
STORED = "this house has nowhere to keep files; their own tests look at what reading one leaves"
TYPED_AGAIN = "the form is shown again with what was typed, to the person who typed it"
MESSAGES = "an admin answers for every message of the house, which tells nothing of a patient"
DELIVERIES = "an admin answers for every delivery of the house, which tells nothing of a patient"
OF_THE_DESK = "the front desk registers for every patient of the clinic"
OF_TRIGGERS = ("read_triggers", "triggers_page", "read_coordinators")
TO_THE_BOARD = "leads to the board, which says of all that somebody else has it, or that it is closed"
EXEMPT: Mapping[tuple[str, Check], str] = {
    **{(f"records.{name}", Check.STRANGER): DELIVERIES for name in ("redrive_delivery", "redrive_on_page")},
    **{(f"records.{name}", Check.TRACE): DELIVERIES for name in ("list_deliveries", "deliveries_page")},
    **{(f"notifications.{name}", Check.STRANGER): MESSAGES for name in ("redrive_message", "redrive_message_on_page")},
    **{(f"notifications.{name}", Check.TRACE): MESSAGES for name in ("list_messages", "messages_page")},
    ("records.publish_template", Check.ECHO): TYPED_AGAIN,
    ("records.template_page", Check.TRACE): "what notes begin with is no patient's data",
    ("records.supervisors_page", Check.TRACE): "who co-signs for whom is no patient's data",
    ("records.name_supervisors", Check.ECHO): TYPED_AGAIN,
    ("scheduling.read_hours", Check.STRANGER): HOURS,
    **{(f"scheduling.list_{name}", Check.STRANGER): HOURS for name in ("overrides", "time_off", "travel")},
    ("scheduling.read_resource_hours", Check.STRANGER): HOURS,
    **{(f"scheduling.{verb}_resource", Check.STRANGER): OFFICE for verb in ("change", "retire")},
    ("scheduling.publish_resource_hours", Check.STRANGER): OFFICE,
    ("scheduling.put_resource_override", Check.STRANGER): OFFICE,
    ("scheduling.drop_resource_override", Check.STRANGER): OFFICE,
    ("scheduling.add_resource_time_off", Check.STRANGER): OFFICE,
    ("scheduling.remove_resource_time_off", Check.STRANGER): OFFICE,
    ("scheduling.replace_holiday_calendar", Check.STRANGER): OFFICE,
    ("scheduling.drop_holiday_calendar", Check.STRANGER): OFFICE,
    **{(f"people.read_{name}", Check.STRANGER): "all staff see what a clinician may do" for name in OF_CLINICIANS},
    **{(f"people.replace_{name}", Check.STRANGER): OFFICE for name in OF_CLINICIANS},
    ("people.read_locations", Check.STRANGER): "staff book for every patient of the clinic",
    ("people.replace_locations", Check.STRANGER): "staff book for every patient of the clinic",
    ("people.list_related_persons", Check.STRANGER): "staff book for every patient of the clinic",
    ("people.add_related_person", Check.STRANGER): OF_THE_DESK,
    ("people.set_contact", Check.STRANGER): OF_THE_DESK,
    ("people.end_related_person", Check.STRANGER): OF_THE_DESK,
    ("exchange.read_schedule", Check.STRANGER): "clinicians are nobody's, and their calendars show no patient",
    ("access.revoke_grant", Check.STRANGER): "an admin holds every grant of the house: there is no other's",
    ("visits.times", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.choose", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.choose_other", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.send_invitation", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.patients_visits", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.look_up", Check.ECHO): TYPED_AGAIN,
    ("visits.save_steps", Check.ECHO): TYPED_AGAIN,
    ("visits.wait_form", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.put_on_waitlist", Check.STRANGER): "staff book for every patient of the clinic",
    **{(f"visits.{name}", Check.STRANGER): TOGETHER for name in OF_THE_QUEUE},
    ("visits.put_in_queue", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.find_to_queue", Check.ECHO): TYPED_AGAIN,
    ("visits.identify_waiting", Check.ECHO): TYPED_AGAIN,
    ("visits.read_own_place", Check.TRACE): HAS_A_VISIT,
    ("visits.follow_own_place", Check.TRACE): HAS_A_VISIT,
    ("visits.queue_page", Check.TRACE): "nobody waits any more when this walk comes here; read_queue reads the same",
    ("visits.follow_queue", Check.TRACE): "says that the queue changed, never what: the queue itself is audited",
    ("access.close_session", Check.ECHO): "reads nothing but the cookie, and would sign this walk out",
    ("access.submit_sign_in", Check.ECHO): TYPED_AGAIN,
    ("scheduling.save_hours", Check.ECHO): TYPED_AGAIN,
    ("scheduling.save_day", Check.ECHO): TYPED_AGAIN,
    ("scheduling.save_away", Check.ECHO): TYPED_AGAIN,
    ("scheduling.save_trip", Check.ECHO): TYPED_AGAIN,
    ("visits.choose_other", Check.ECHO): TYPED_AGAIN,
    ("visits.identify_invited", Check.ECHO): TYPED_AGAIN,
    ("visits.found", Check.ECHO): TYPED_AGAIN,
    ("visits.find_to_wait", Check.ECHO): TYPED_AGAIN,
    ("visits.put_on_waitlist", Check.ECHO): TYPED_AGAIN,
    ("visits.answer", Check.ECHO): TYPED_AGAIN,
    **{(f"notifications.{verb}", Check.STRANGER): OF_THE_DESK for verb in ("contact_page", "save_contact")},
    ("notifications.save_contact", Check.ECHO): TYPED_AGAIN,
    **{(f"notifications.{name}", Check.ECHO): "as visits.offered" for name in BY_MAIL},
    ("visits.offered", Check.ECHO): "a page links to itself in other languages, and this one's address is anything",
    ("visits.acknowledge_on_page", Check.ECHO): "the same: a page that was not found links to itself",
    ("visits.read_escalation_rules", Check.TRACE): "who is told of an alert is no patient's data",
    ("visits.waive_on_page", Check.ECHO): "the same: a page that was not found links to itself",
    **{(f"visits.{name}", Check.ECHO): TYPED_AGAIN for name in TYPED},
    **{(name, Check.STRANGER): f"no 404: {why}" for name, why in knocking.OVER_HTTP.items()},
    **{("video.open_check", each): NODELESS for each in (Check.ECHO, Check.EXTREME)},
    ("video.precheck", Check.EXTREME): NODELESS,
    ("access.me", Check.TRACE): "one's own account, no patient's data",
    ("access.list_integrations", Check.TRACE): "holds no patient's data",
    ("access.list_grants", Check.TRACE): "names patients by id alone, to the admin who answers for the grants",
    **{(f"people.read_{name}", Check.TRACE): "no patient's data" for name in OF_CLINICIANS},
    **{(f"records.{name}", Check.TRACE): NO_TRAINEE for name in ("read_awaited", "cosign_page")},
    ("people.list_clinicians", Check.TRACE): "clinicians are no patients",
    ("exchange.find_appointments_by_query", Check.TRACE): "asks for dates first; without a patient it is about none",
    **{(f"exchange.{verb}_schedule{many}", Check.TRACE): NO_PATIENT for verb, many in VERBS},
    **{(f"exchange.{verb}_slot{many}", Check.TRACE): NO_PATIENT for verb, many in VERBS},
    ("scheduling.read_hours", Check.TRACE): NO_PATIENT,
    ("notifications.clinicians_devices", Check.TRACE): "a clinician's own browsers",
    ("scheduling.read_calendar_feed", Check.TRACE): NO_PATIENT,
    **{(f"scheduling.list_{name}", Check.TRACE): NO_PATIENT for name in LISTED},
    ("scheduling.list_time_off", Check.TRACE): NO_PATIENT,
    ("scheduling.list_travel", Check.TRACE): NO_PATIENT,
    ("scheduling.read_resource_hours", Check.TRACE): NO_PATIENT,
    ("scheduling.list_resources", Check.TRACE): NO_PATIENT,
    ("scheduling.count_days", Check.TRACE): "asks for dates; of a patient's calendar it is traced as a search is",
    ("scheduling.read_visit_type", Check.TRACE): NO_PATIENT,
    ("visits.read_questionnaire", Check.TRACE): "questions are no patient's data, answers are",
    ("visits.escalation_page", Check.TRACE): "who is told of an alert is no patient's data",
    ("visits.administration", Check.TRACE): "what an admin may set is no patient's data",
    ("visits.list_consent_texts", Check.TRACE): "a text is no patient's data, agreeing to it is",
    **{(f"visits.{name}", Check.STRANGER): OFFICE for name in OF_THE_OFFICE},
    ("visits.texts_page", Check.TRACE): "a text is no patient's data, agreeing to it is",
    ("visits.publish_on_page", Check.ECHO): TYPED_AGAIN,
    ("visits.questionnaires_page", Check.TRACE): "questions are no patient's data, answers are",
    ("visits.questionnaire_page", Check.TRACE): "questions are no patient's data, answers are",
    ("visits.save_on_page", Check.ECHO): TYPED_AGAIN,
    ("visits.take_over_on_page", Check.STRANGER): "leads to the board, which says of all that somebody was quicker",
    ("visits.prepare", Check.TRACE): "a visit under way is prepared no more: the page sends on to it",
    ("scheduling.read_visit_type", Check.STRANGER): "all staff see what can be booked",
    ("scheduling.change_visit_type", Check.STRANGER): OFFICE,
    ("scheduling.retire_visit_type", Check.STRANGER): OFFICE,
    ("scheduling.list_visit_types", Check.TRACE): "kinds of visits are no patient's data",
    ("scheduling.hours_page", Check.TRACE): "names no patient but of visits outside the hours, each with its trace",
    **{(f"visits.{name}", Check.TRACE): "an empty form" for name in ("find", "front_desk")},
    **{(f"records.{name}", Check.TRACE): STORED for name in ("read_attachment", "read_own_file")},
    ("followups.follow_tasks", Check.TRACE): "says that a board of tasks changed, never what: the board is audited",
    **{(f"followups.{name}", Check.TRACE): "no patient's data" for name in OF_TRIGGERS},
    **{(f"pathways.{name}", Check.TRACE): "what pathways there are is no patient's data" for name in OF_PATHWAYS},
    **{(f"pathways.{name}", Check.ECHO): "names the address: a code" for name in ("publish_pathway", "retire_pathway")},
    **{(f"pathways.{name}", Check.ECHO): TYPED_AGAIN for name in ("open_pathway", "save_pathway")},
    **{(f"notifications.{name}", Check.TRACE): "what messages say is no patient's data" for name in OF_TEXTS},
    **{(f"notifications.{name}_text", Check.ECHO): "names the address" for name in ("publish", "retire", "preview")},
    ("notifications.reminders_page", Check.TRACE): "kinds of visits are no patient's data",
    ("notifications.save_reminders", Check.ECHO): TYPED_AGAIN,
    ("notifications.save_text", Check.ECHO): TYPED_AGAIN,
    ("notifications.text_page", Check.ECHO): "names the address",
    **{(f"monitoring.{name}", Check.TRACE): QUESTIONS for name in OF_FORMS},
    **{(f"monitoring.{name}", Check.ECHO): "names the address: a code" for name in ("publish_form", "retire_form")},
    **{(f"monitoring.{name}", Check.ECHO): TYPED_AGAIN for name in ("open_form", "save_form", "identify_asked")},
    **{(f"surveys.{name}", Check.TRACE): "numbers without persons" for name in OF_SURVEYS},
    ("surveys.save_survey", Check.ECHO): TYPED_AGAIN,
    **{(f"exchange.{verb}_questionnaire{many}", Check.TRACE): QUESTIONS for verb, many in VERBS},
    ("exchange.read_questionnaire", Check.STRANGER): "questions are nobody's",
    **{(f"followups.{name}", Check.STRANGER): TO_THE_BOARD for name in ("claim", "take_on", "task_page")},
    ("followups.task_page", Check.ECHO): "as visits.offered",
    ("followups.save_coordinators", Check.ECHO): TYPED_AGAIN,
    ("visits.follow_board", Check.TRACE): "says that the board changed, never what: the board itself is audited",
}

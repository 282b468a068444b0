"""Settings of the patient record services that signed notes go to."""

from typing import Annotated

from pydantic import BaseModel, Field, SecretStr


class RecordSettings(BaseModel):
    """One record service, or several in its place."""

    record_service_url: Annotated[
        str, Field(alias="RECORD_SERVICE_URL", description="FHIR R4 base address of the patient record service")
    ]
    record_client_id: Annotated[
        str,
        Field(
            alias="TELEHEALTH_RECORD_CLIENT_ID", description="Client id at the record service (SMART Backend Services)"
        ),
    ] = "telehealth"
    record_private_key: Annotated[
        SecretStr | None,
        Field(
            alias="TELEHEALTH_RECORD_PRIVATE_KEY",
            description="ES384 private JWK for the record service; none: no sign-in",
        ),
    ] = None
    record_profile: Annotated[
        str,
        Field(
            alias="TELEHEALTH_RECORD_PROFILE",
            description="How the record service behaves: us-core-9, generic-r4, millennium-r4, google or azure",
        ),
    ] = "us-core-9"
    record_visits: Annotated[
        bool,
        Field(
            alias="TELEHEALTH_RECORD_VISITS",
            description="Whether the record service is told of visits (Encounter, Appointment) where its profile takes "
            "them; no: of signed notes alone, and the client needs no scope for the others",
        ),
    ] = True
    record_destinations: Annotated[
        SecretStr | None,
        Field(
            alias="TELEHEALTH_RECORD_DESTINATIONS",
            description="Several record services in place of the one: a JSON list of objects with name, url, profile, "
            "client_id, private_key (JWK), scopes, visits",
        ),
    ] = None

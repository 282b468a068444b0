"""Settings of what carries messages to people."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

RATES = r"^([a-z_]+=([1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9])( |$))*$"
LOCAL_MAILBOX = "smtp://127.0.0.1:1025"


class MessageSettings(BaseModel):
    """Mail and text messages."""

    smtp_url: Annotated[
        SecretStr, Field(alias="SMTP_URL", description="smtp://, smtps:// or smtp+starttls://user:password@host:port")
    ] = SecretStr(LOCAL_MAILBOX)
    mail_from: Annotated[str, Field(alias="TELEHEALTH_MAIL_FROM", description="Sender")] = "visits@clinic.example"
    message_rates: Annotated[
        str,
        Field(
            alias="TELEHEALTH_MESSAGE_RATES",
            pattern=RATES,
            description="Messages a second that each provider takes at most, such as email=10 sms=0.5; none: any",
        ),
    ] = ""
    sms_url: Annotated[
        str, Field(alias="SMS_URL", description="Address of the SMS gateway that takes text messages; none: no texts")
    ] = ""
    sms_gateway: Annotated[
        Literal["plain", "twilio"],
        Field(alias="TELEHEALTH_SMS_GATEWAY", description="How the gateway is spoken to: plain (JSON), twilio (form)"),
    ] = "plain"
    sms_from: Annotated[
        str, Field(alias="TELEHEALTH_SMS_FROM", description="Number or name texts come from, or a messaging service")
    ] = ""
    sms_user: Annotated[str, Field(alias="TELEHEALTH_SMS_USER", description="Account or API key at Twilio")] = ""
    sms_secret: Annotated[
        SecretStr | None,
        Field(alias="TELEHEALTH_SMS_SECRET", description="Bearer token of a plain gateway, or the account's password"),
    ] = None
    sms_inbound_secret: Annotated[
        SecretStr | None,
        Field(alias="TELEHEALTH_SMS_INBOUND_SECRET", min_length=16, description="Signs texts that come back, or none"),
    ] = None
    sms_region: Annotated[
        str,
        Field(alias="TELEHEALTH_SMS_REGION", pattern=r"^([A-Z]{2})?$", description="Country of numbers without +"),
    ] = ""
    push_private_key: Annotated[
        SecretStr | None,
        Field(
            alias="TELEHEALTH_PUSH_PRIVATE_KEY",
            description="ES256 private JWK that push services know this house by (VAPID); none: no notifications",
        ),
    ] = None
    push_networks: Annotated[
        str,
        Field(alias="TELEHEALTH_PUSH_NETWORKS", description="Private networks (CIDR) of push services of one's own"),
    ] = ""
    caller_url: Annotated[
        str,
        Field(alias="TELEHEALTH_CALLER_URL", description="Webhook of the system that calls people; none: no calls"),
    ] = ""
    caller_secret: Annotated[
        SecretStr | None,
        Field(
            alias="TELEHEALTH_CALLER_SECRET",
            min_length=16,
            description="Signs what the caller is told, and what it tells (Standard Webhooks)",
        ),
    ] = None

    @model_validator(mode="after")
    def _caller_knows_us(self) -> Self:
        if self.caller_url and self.caller_secret is None:
            raise ValueError("TELEHEALTH_CALLER_SECRET is needed with TELEHEALTH_CALLER_URL")
        return self

"""Every setting, once: name, type, default, meaning. The reference is printed by `telehealth settings`.

Any NAME may be given as NAME_FILE, the path of a file that holds the value. An unknown TELEHEALTH_ name is an error.
Read only by bootstrap, the process doors, the command line and the media node.
"""

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address, ip_network
from os import environ
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

PREFIX = "TELEHEALTH_"
LOCAL_MAILBOX = "smtp://127.0.0.1:1025"


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class SettingsError(ValueError):
    """A setting is missing, unknown or malformed. The text names settings and never shows a value."""


class Settings(BaseModel):
    """Aliases are the environment names; without TELEHEALTH_ where hosting platforms have a usual name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: Annotated[
        SecretStr, Field(alias="DATABASE_URL", description="PostgreSQL 15 or later: postgresql://user@host/name")
    ]
    broker_url: Annotated[
        SecretStr, Field(alias="BROKER_URL", description="Celery broker: redis:// (Valkey) or amqp:// (RabbitMQ)")
    ]
    valkey_url: Annotated[
        SecretStr | None,
        Field(alias="VALKEY_URL", description="Valkey or Redis for push and leases; BROKER_URL when that is one"),
    ] = None
    smtp_url: Annotated[
        SecretStr, Field(alias="SMTP_URL", description="smtp://, smtps:// or smtp+starttls://user:password@host:port")
    ] = SecretStr(LOCAL_MAILBOX)
    record_service_url: Annotated[
        str, Field(alias="RECORD_SERVICE_URL", description="FHIR R4 base address of the patient record service")
    ]
    port: Annotated[int, Field(alias="PORT", ge=0, le=65535, description="TCP port of the web process")] = 8000
    host: Annotated[str, Field(alias="TELEHEALTH_HOST", description="Address the web process listens on")] = "127.0.0.1"
    public_url: Annotated[
        str, Field(alias="TELEHEALTH_PUBLIC_URL", description="Origin that browsers and integrations use")
    ] = "http://localhost:8000"
    environment: Annotated[
        Environment,
        Field(alias="TELEHEALTH_ENVIRONMENT", description="production refuses settings that are only fit to try"),
    ] = Environment.DEVELOPMENT
    secret_key: Annotated[
        SecretStr,
        Field(alias="TELEHEALTH_SECRET_KEY", min_length=32, description="Keys the HMAC of cursors"),
    ]
    data_keys: Annotated[
        SecretStr,
        Field(
            alias="TELEHEALTH_DATA_KEYS",
            description="AES-256 key ring, name:base64 separated by commas; the first seals, all open",
        ),
    ]
    media_url: Annotated[
        str, Field(alias="TELEHEALTH_MEDIA_URL", description="Control address of the media node, as the web sees it")
    ] = "http://127.0.0.1:8001"
    media_host: Annotated[
        str,
        Field(
            alias="TELEHEALTH_MEDIA_HOST",
            min_length=1,
            description="IP addresses the media node listens on and offers to browsers, separated by spaces",
        ),
    ] = "127.0.0.1"
    recordings_dir: Annotated[
        str,
        Field(
            alias="TELEHEALTH_RECORDINGS_DIR",
            description="Directory of recordings, sealed, the same for web, worker and media node; none: no recording",
        ),
    ] = ""
    recordings_kept_days: Annotated[
        int,
        Field(alias="TELEHEALTH_RECORDINGS_KEPT_DAYS", ge=1, le=36_500, description="Days until one is deleted"),
    ] = 30
    attachments: Annotated[
        str,
        Field(
            alias="TELEHEALTH_ATTACHMENTS",
            description="Where files of visits are kept, sealed: a directory that web and worker share, or the address "
            "of a bucket (https://s3.example.org/name, S3-compatible); none: no files",
        ),
    ] = ""
    attachment_largest: Annotated[
        int,
        Field(alias="TELEHEALTH_ATTACHMENT_LARGEST", ge=1, le=100, description="Mebibytes that one such file may have"),
    ] = 25
    s3_credential: Annotated[
        SecretStr | None,
        Field(alias="TELEHEALTH_S3_CREDENTIAL", description="Of the bucket: access key id:secret access key:region"),
    ] = None
    grant_private_key: Annotated[
        SecretStr | None,
        Field(alias="TELEHEALTH_GRANT_PRIVATE_KEY", description="Ed25519 JWK the web process signs media grants with"),
    ] = None
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
    record_destinations: Annotated[
        SecretStr | None,
        Field(
            alias="TELEHEALTH_RECORD_DESTINATIONS",
            description="Several record services in place of the one: a JSON list of objects with name, url, profile, "
            "client_id, private_key (JWK), scopes",
        ),
    ] = None
    metrics_token: Annotated[
        SecretStr | None,
        Field(
            alias="TELEHEALTH_METRICS_TOKEN",
            min_length=16,
            description="Bearer token that GET /metrics asks for; none: there is no such door",
        ),
    ] = None
    turn_urls: Annotated[
        str, Field(alias="TELEHEALTH_TURN_URLS", description="turn: and turns: addresses, separated by spaces")
    ] = ""
    turn_secret: Annotated[
        SecretStr | None,
        Field(alias="TELEHEALTH_TURN_SECRET", description="Shared secret of the TURN server's REST credentials"),
    ] = None
    follow_up_speed: Annotated[
        float,
        Field(alias="TELEHEALTH_FOLLOW_UP_SPEED", ge=1, description="How fast follow-up time runs; 1 in production"),
    ] = 1.0
    fail_at: Annotated[
        str | None,
        Field(alias="TELEHEALTH_FAIL_AT", description="Tests only: the worker dies at failpoint name[:count]"),
    ] = None
    calendar_networks: Annotated[
        str,
        Field(alias="TELEHEALTH_CALENDAR_NETWORKS", description="Private networks (CIDR) of outside calendars"),
    ] = ""
    mail_from: Annotated[str, Field(alias="TELEHEALTH_MAIL_FROM", description="Sender")] = "visits@clinic.example"
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
    scheduling_links: Annotated[
        bool,
        Field(
            alias="TELEHEALTH_SCHEDULING_LINKS",
            description="Publish the free times of four weeks to everyone, without names (SMART Scheduling Links)",
        ),
    ] = False
    scheduling_links_types: Annotated[
        str,
        Field(
            alias="TELEHEALTH_SCHEDULING_LINKS_TYPES",
            description="Codes of the visit types that are published, separated by spaces; none: all of them",
        ),
    ] = ""
    booking_url: Annotated[
        str,
        Field(
            alias="TELEHEALTH_BOOKING_URL",
            description="The page that published times link to, with ?slot=…; none: /book of this house, for staff",
        ),
    ] = ""

    @field_validator("calendar_networks")
    @classmethod
    def _networks(cls, text: str) -> str:
        try:
            [ip_network(each) for each in text.split()]
        except ValueError:
            raise ValueError("networks are written like 10.20.0.0/16") from None
        return text

    @model_validator(mode="after")
    def _fit_for_production(self) -> "Settings":
        if self.environment is Environment.PRODUCTION:
            unfit = [
                name
                for name, wrong in (
                    ("TELEHEALTH_PUBLIC_URL must be https", urlsplit(self.public_url).scheme != "https"),
                    ("TELEHEALTH_FOLLOW_UP_SPEED must be 1", self.follow_up_speed != 1),
                    (f"SMTP_URL must not be {LOCAL_MAILBOX}", self.smtp_url.get_secret_value() == LOCAL_MAILBOX),
                    ("TELEHEALTH_FAIL_AT must not be set", self.fail_at is not None),
                )
                if wrong
            ]
            if unfit:
                raise ValueError("; ".join(unfit))
        return self

    @property
    def recordings_directory(self) -> Path | None:
        return Path(self.recordings_dir) if self.recordings_dir else None

    @property
    def push_url(self) -> str:
        """Valkey address for push and leases: VALKEY_URL, else the broker when that is Valkey."""
        if self.valkey_url is not None:
            return _socket_path(self.valkey_url.get_secret_value())
        broker = self.broker_url.get_secret_value()
        if not broker.startswith("redis"):
            raise SettingsError("VALKEY_URL is needed when BROKER_URL is not Valkey or Redis")
        return _socket_path(broker)


class MediaSettings(BaseModel):
    """What the media node reads: no database, no broker, no secret but the public half of the grant key."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    control_port: Annotated[
        int,
        Field(alias="TELEHEALTH_MEDIA_PORT", ge=0, le=65535, description="TCP port of the media node's control door"),
    ] = 8001
    control_host: Annotated[
        str,
        Field(alias="TELEHEALTH_MEDIA_CONTROL_HOST", description="Address the media node's control door listens on"),
    ] = "127.0.0.1"
    media_host: Annotated[
        str,
        Field(
            alias="TELEHEALTH_MEDIA_HOST",
            min_length=1,
            description="IP addresses the media node listens on and offers to browsers, separated by spaces",
        ),
    ] = "127.0.0.1"
    media_advertised: Annotated[
        str,
        Field(
            alias="TELEHEALTH_MEDIA_ADVERTISED",
            description="Where browsers reach these addresses behind a NAT, one for each in order; none: as they are",
        ),
    ] = ""
    media_udp_port: Annotated[
        int,
        Field(
            alias="TELEHEALTH_MEDIA_UDP_PORT",
            ge=0,
            le=65535,
            description="UDP port of calls at each of these addresses; 0 takes a free one",
        ),
    ] = 0
    drain_seconds: Annotated[
        float,
        Field(
            alias="TELEHEALTH_MEDIA_DRAIN_SECONDS",
            ge=0,
            le=3600,
            description="Seconds a media node told to stop (SIGTERM) serves on at most, while its calls go elsewhere",
        ),
    ] = 20.0
    recordings_dir: Annotated[
        str,
        Field(
            alias="TELEHEALTH_RECORDINGS_DIR",
            description="Directory of recordings, sealed, the same for web, worker and media node; none: no recording",
        ),
    ] = ""
    grant_public_key: Annotated[
        str,
        Field(alias="TELEHEALTH_GRANT_PUBLIC_KEY", description="Ed25519 public JWK that media grants are checked with"),
    ]

    @property
    def recordings_directory(self) -> Path | None:
        return Path(self.recordings_dir) if self.recordings_dir else None

    @property
    def media_hosts(self) -> tuple[str, ...]:
        """The addresses one by one."""
        return tuple(self.media_host.split())

    @property
    def media_shown(self) -> tuple[str, ...]:
        """What answers offer in place of each."""
        return tuple(self.media_advertised.split()) or self.media_hosts

    @model_validator(mode="after")
    def _one_for_each(self) -> "MediaSettings":
        try:
            families = [ip_address(each).version for each in self.media_hosts]
            shown = [ip_address(each).version for each in self.media_shown]
        except ValueError:
            raise ValueError("TELEHEALTH_MEDIA_HOST and TELEHEALTH_MEDIA_ADVERTISED are IP addresses") from None
        if families != shown:
            raise ValueError(
                "TELEHEALTH_MEDIA_ADVERTISED has one address of the same family for each of TELEHEALTH_MEDIA_HOST"
            )
        return self


def read_settings(env: Mapping[str, str] = environ) -> Settings:
    """The settings of this environment. Raises SettingsError with every fault at once, without values."""
    try:
        return Settings.model_validate(_given(env, Settings))
    except ValidationError as error:
        raise SettingsError(_faults(error)) from None


def read_media_settings(env: Mapping[str, str] = environ) -> MediaSettings:
    """The media node's settings. Raises SettingsError like `read_settings`."""
    try:
        return MediaSettings.model_validate(_given(env, MediaSettings))
    except ValidationError as error:
        raise SettingsError(_faults(error)) from None


def value_of(env: Mapping[str, str], name: str) -> str | None:
    """One setting as the environment gives it, by value or by file. Raises SettingsError."""
    key = f"{name}_FILE" if f"{name}_FILE" in env else name
    return _value(env, name, key) if key in env else None


def names(model: type[BaseModel]) -> dict[str, str]:
    """Environment name -> field name."""
    return {str(field.alias): name for name, field in model.model_fields.items()}


def _socket_path(url: str) -> str:
    """Celery says redis+socket:// where the client library says unix://."""
    return url.replace("redis+socket://", "unix://", 1)


def _given(env: Mapping[str, str], model: type[BaseModel]) -> dict[str, str]:
    known = names(Settings) | names(MediaSettings)
    twice = sorted(name for name in known if name in env and f"{name}_FILE" in env)
    if twice:
        raise SettingsError(f"both set, by value and by file: {', '.join(twice)}")
    plain = {key.removesuffix("_FILE") if key.removesuffix("_FILE") in known else key: key for key in env}
    unknown = sorted(key for name, key in plain.items() if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"unknown setting: {', '.join(unknown)}")
    return {name: _value(env, name, key) for name, key in plain.items() if name in names(model)}


def _value(env: Mapping[str, str], name: str, key: str) -> str:
    if key == name:
        return env[key]
    try:
        return Path(env[key]).read_text().strip()
    except OSError as error:
        raise SettingsError(f"{key}: {error.strerror}") from None


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'settings'}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
    )

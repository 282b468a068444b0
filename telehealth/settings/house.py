"""What web, worker, messenger, courier and beat read, and the command line."""

from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from telehealth.settings.given import SettingsError
from telehealth.settings.media import CaptionsUrl
from telehealth.settings.messages import LOCAL_MAILBOX, MessageSettings
from telehealth.settings.records import RecordSettings


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Settings(MessageSettings, RecordSettings):
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
    captions_url: CaptionsUrl = ""
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

    @field_validator("calendar_networks", "push_networks")
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


def _socket_path(url: str) -> str:
    """Celery says redis+socket:// where the client library says unix://."""
    return url.replace("redis+socket://", "unix://", 1)

"""What the media node reads."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

CaptionsUrl = Annotated[
    str,
    Field(
        alias="TELEHEALTH_CAPTIONS_URL",
        pattern=r"^(wss?://[^\s/?#@]+([/?][^\s#]*)?)?$",
        description="Speech engine of the house for live captions, the same for web and media node: "
        "ws://host:port, {language} in it is that of who speaks; none: no captions",
    ),
]


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
    captions_url: CaptionsUrl = ""
    grant_public_key: Annotated[
        str,
        Field(alias="TELEHEALTH_GRANT_PUBLIC_KEY", description="Ed25519 public JWK that media grants are checked with"),
    ]
    compiled: Annotated[
        bool,
        Field(
            alias="TELEHEALTH_MEDIA_COMPILED",
            description="Use the compiled form of what forwards packets, where `python -m telehealth.media.compiling` "
            "has made it",
        ),
    ] = True

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

"""The media node as a process of its own."""

import gc
import logging
import socket
from contextlib import suppress

import uvicorn

from telehealth.core.time import SystemClock
from telehealth.media.control import control_app
from telehealth.media.drain import Drain, DrainingServer
from telehealth.media.grants import GrantVerifier
from telehealth.media.mux import Mux
from telehealth.media.rooms import Rooms
from telehealth.settings.environment import read_media_settings
from telehealth.settings.given import SettingsError
from telehealth.settings.media import MediaSettings

logger = logging.getLogger("telehealth.media")


def main(*, compiled: bool) -> int:
    """Serves until a signal; 2 when the settings cannot be used. `compiled` is said in the log."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    for library in ("aioice", "aiortc", "uvicorn", "websockets"):
        logging.getLogger(library).setLevel(logging.WARNING)  # at INFO aioice writes the addresses of people
    try:
        settings = read_media_settings()
        for host in settings.media_hosts:
            _check_host(host)
        verifier = _verifier(settings)
    except SettingsError as error:
        logger.error("settings: %s", error)  # noqa: TRY400 - the text says it all; no traceback
        return 2
    gc.collect()
    gc.freeze()  # what is loaded by now stays: no collection has to look through it,
    gc.collect()  # nor to wait until a quarter as much has been added to it
    logger.info("media node on port %d%s", settings.control_port, ", compiled" if compiled else "")
    _serve(settings, verifier)
    return 0


def _serve(settings: MediaSettings, verifier: GrantVerifier) -> None:
    hosts, drain, held = settings.media_hosts, Drain(settings.drain_seconds), list[Rooms]()

    def open_rooms(mux: Mux) -> Rooms:
        held.append(Rooms(mux, drain=drain))
        return held[0]

    config = uvicorn.Config(
        control_app(
            verifier,
            lambda: Mux(hosts, settings.media_udp_port, shown=settings.media_shown),
            open_rooms,
            directory=settings.recordings_directory,
            engine=settings.captions_url,
        ),
        host=settings.control_host,
        port=settings.control_port,
        access_log=False,
        server_header=False,
        log_config=None,
        ws="none",
        limit_concurrency=200,
        timeout_keep_alive=30,  # longer than any client keeps one: none asks as it is being closed
        timeout_graceful_shutdown=5,
    )
    with suppress(KeyboardInterrupt):  # the server raises it again when all is closed
        DrainingServer(config, drain, lambda: held[0].count if held else 0).run()


def _verifier(settings: MediaSettings) -> GrantVerifier:
    try:
        return GrantVerifier(settings.grant_public_key, SystemClock())
    except ValueError:
        raise SettingsError("TELEHEALTH_GRANT_PUBLIC_KEY: not an Ed25519 public JWK") from None


def _check_host(host: str) -> None:
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
        with socket.socket(found[0][0], socket.SOCK_DGRAM) as probe:
            probe.bind(found[0][4])
    except OSError:
        raise SettingsError("TELEHEALTH_MEDIA_HOST: not an address of this machine") from None

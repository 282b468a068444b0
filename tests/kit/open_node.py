"""Sabotage: a media node whose socket has no guard, as a process: `python -m tests.kit.open_node`."""

import logging

import uvicorn

from telehealth.core.time import SystemClock
from telehealth.media.control import control_app
from telehealth.media.grants import GrantVerifier
from telehealth.settings.environment import read_media_settings
from tests.kit.open_mux import open_mux


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    settings = read_media_settings()
    hosts = settings.media_hosts
    verifier = GrantVerifier(settings.grant_public_key, SystemClock())
    app = control_app(verifier, lambda: open_mux(hosts, settings.media_udp_port))
    uvicorn.run(
        app,
        host=settings.control_host,
        port=settings.control_port,
        log_config=None,
        ws="none",
        timeout_keep_alive=30,
    )


if __name__ == "__main__":
    main()

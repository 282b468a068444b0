"""The door of the web process: `python -m telehealth.asgi`."""

import asyncio
import logging
import socket
import sys

import uvicorn
from uvicorn.loops.auto import auto_loop_factory

from telehealth.bootstrap import open_web
from telehealth.settings.environment import read_settings
from telehealth.settings.given import SettingsError
from telehealth.settings.house import Settings

UNANSWERED_MILLISECONDS = 10_000


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; open connections get ten seconds."""
    async with open_web(settings) as app:
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,  # it prints query strings; our own line has the route and the request id
            server_header=False,
            ws_ping_interval=5,
            ws_ping_timeout=5,
            ws_max_size=64 * 1024,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=10,
            h11_max_incomplete_event_size=32 * 1024,
        )
        with config.bind_socket() as door:
            forget_the_vanished(door)
            await uvicorn.Server(config).serve([door])


def forget_the_vanished(door: socket.socket) -> None:
    """Accepted connections inherit it: one whose other end acknowledges nothing for so long is closed (RFC 5482).

    A phone that loses its network says nothing; without this its open stream would pass for a patient who is here.
    """
    if sys.platform == "linux":
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED_MILLISECONDS)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    try:
        settings = read_settings()
    except SettingsError as error:
        sys.exit(f"telehealth web: {error}")
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:  # uvloop where there is one
        runner.run(serve(settings))


if __name__ == "__main__":
    main()

"""Small programs that stand for the world: a Starlette app on a free port of loopback, in this process."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute


@asynccontextmanager
async def on_loopback(*routes: BaseRoute) -> AsyncIterator[str]:
    """The origin it answers at, without a path."""
    app = Starlette(routes=routes)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False))
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()  # who asks before the server runs waits
        serving = asyncio.create_task(server.serve([door]))
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving

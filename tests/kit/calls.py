"""Two browsers in a call: pages that show tests/kit/call_page.py, each from a web process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from telehealth.http.credentials import GUEST_COOKIE
from tests.kit.call_process import Behind
from tests.kit.meetings import Meeting
from tests.kit.needs import program
from tests.kit.patience import PATIENCE
from tests.kit.signalling import COMPANION, cookies

FLAGS = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
)


@asynccontextmanager
async def chromium(executable: str | None = None) -> AsyncIterator[Browser]:
    """Debian's, or another program that is Chromium."""
    async with async_playwright() as playwright:
        path = executable or program("browser")
        browser = await playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


class Side:
    """One person's page, and everything it asked for or complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.addresses: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("websocket", lambda socket: self.addresses.append(socket.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: self.complaints.append(message.text) if "Security Policy" in message.text else None,
        )

    async def states(self) -> list[str]:
        return [str(state) for state in await self.page.evaluate("window.states ?? []")]

    async def becomes(self, state: str, *, within: float = PATIENCE) -> None:
        """Waits until the last state is this one."""
        await self.until(f"(window.states ?? []).at(-1) === '{state}'", within)

    async def sees_the_other(self, *, more_frames: int = 10, within: float = PATIENCE) -> None:
        """Waits until so many more frames have been decoded."""
        await self.until("window.decoded?.()", within)
        already = await self.do("decoded()")
        await self.until(f"decoded().then((frames) => frames >= {already + more_frames})", within)

    async def figures(self) -> str:
        """What the browser counts of what it sends and receives."""
        return str(await self.page.evaluate("figures()"))

    async def do(self, script: str) -> Any:
        return await self.page.evaluate(script)

    async def until(self, condition: str, within: float = PATIENCE) -> None:
        """Waits until that is true in the page."""
        for _ in range(int(within / 0.05)):
            if await self.page.evaluate(condition):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never: {condition}; {await self.account()}")

    async def account(self) -> str:
        """What there is to know of the page when something did not happen."""
        return f"states {await self.states()}; {self.complaints}; {await self.figures()}"


async def open_side(
    browser: Browser, process: Behind, meeting: Meeting, *, host: bool, policy: str = "all", script: str = ""
) -> Side:
    """A browser profile of its own, signed in, on the page of the call, where that script ran first."""
    context = await browser.new_context(permissions=["camera", "microphone"])
    await context.add_init_script(script)
    side = Side(await context.new_page())
    for name, secret in cookies(host=host).items():
        await side.page.goto(f"{process.origin}/v1/signed-in/{name}/{secret}")
    await side.page.goto(f"{process.origin}/call?visit={meeting.visit_id}&policy={policy}{'&host' if host else ''}")
    return side


async def open_companion(browser: Browser, process: Behind, meeting: Meeting, *, script: str = "") -> Side:
    """The same for somebody who has been let in."""
    context = await browser.new_context(permissions=["camera", "microphone"])
    await context.add_init_script(script)
    side = Side(await context.new_page())
    await side.page.goto(f"{process.origin}/v1/signed-in/{GUEST_COOKIE}/{COMPANION}")
    await side.page.goto(f"{process.origin}/call?visit={meeting.visit_id}&tickets=attendance/tickets")
    return side

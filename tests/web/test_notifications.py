"""Notifications in a real browser: one button asks for them, and the service worker shows what a push brings.

Debian's Chromium asks a push service of its own that cannot be reached here: the subscription is that of a browser of
ours on loopback, whose push service opens what is sealed for it, and hands it on by the browser's own tools.
"""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from itertools import pairwise
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from joserfc.jwk import ECKey
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from telehealth.core.time import SystemClock
from telehealth.http.security import CONTENT_SECURITY_POLICY
from telehealth.notifications.ports import Push, Sent, Urgency
from telehealth.notifications.sealing import octets
from telehealth.notifications.web_push import WebPusher
from telehealth.tasks.outbound import open_courier
from tests.kit.pushes import push_service, shown
from tests.web.browsing import BY_NAME
from tests.web.drawing import draw, static

pytestmark = pytest.mark.browser
HOUSE = ECKey.generate_key("P-256", private=True)
WORDS = {
    "title": "Riverside",
    "body": "Recordatorio de su visita por vídeo",
    "lang": "es",
    "dir": "ltr",
    "tag": "visit",
    "stays": True,
    "path": "/join/made-up",
    "shown": "/v1/messages/m/shown/p",
}
# What the push service of a browser tells its page.
SUBSCRIBED = """subscription => {
  let current = null;
  PushManager.prototype.getSubscription = async () => current;
  PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
    globalThis.asked = [applicationServerKey.length, userVisibleOnly];
    return current = { endpoint: subscription.endpoint, toJSON: () => subscription,
      unsubscribe: async () => { current = null; return true; } };
  };
}"""
SHOWN = """async () => {
  const registration = await navigator.serviceWorker.getRegistration("/static/");
  const shown = await registration.getNotifications();
  return shown.map(({ title, body, lang, tag, data }) => ({ title, body, lang, tag, path: data.path }));
}"""


@dataclass
class House:
    """Serves the patient's page and the modules under the real content policy; keeps what is posted."""

    key: str
    posted: list[tuple[str, Any]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> tuple[bytes, str]:
        if path.startswith("/static/"):
            return static(path)
        if path == "/v1/visit/devices":
            return json.dumps({"key": self.key, "known": []}).encode(), "application/json"
        return draw(BY_NAME["messages"], "es").encode(), "text/html; charset=utf-8"


@pytest.fixture
def house() -> Iterator[House]:
    private = HOUSE.private_key
    assert isinstance(private, EllipticCurvePrivateKey)
    served = House(key=shown(octets(private)))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, *served.answer(self.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            served.posted.append((self.path, json.loads(body) if body else None))
            self._send(204)

        def _send(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.send_header("content-security-policy", CONTENT_SECURITY_POLICY)
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://localhost:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_asked_for_shown_and_told_and_no_more(chromium: Chromium, house: House) -> None:
    subscription, arrived = _through_a_push_service()
    page = _page(chromium, house, subscription)
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"{house.url}/visit/messages")
    button, said = page.locator("#notify button"), page.locator("#notify p")
    expect(button).to_have_text("Activar las notificaciones en este navegador")
    button.click()
    expect(said).to_have_text("Este navegador muestra notificaciones.")
    expect(button).to_have_text("Desactivar las notificaciones en este navegador")
    assert page.evaluate("globalThis.asked") == [65, True]
    assert house.posted == [("/v1/visit/devices", subscription)]

    _deliver(page, house.url, json.dumps(arrived))
    wanted = {name: WORDS[name] for name in ("title", "body", "lang", "tag", "path")}
    _eventually(page, lambda: house.posted[-1] == (WORDS["shown"], None))
    assert page.evaluate(SHOWN) == [wanted]
    _deliver(page, house.url, json.dumps({**arrived, "body": "Later", "shown": "/v1/messages/n/shown/p"}))
    _eventually(page, lambda: house.posted[-1] == ("/v1/messages/n/shown/p", None))
    assert page.evaluate(SHOWN) == [{**wanted, "body": "Later"}]  # in its place

    button.click()
    expect(button).to_have_text("Activar las notificaciones en este navegador")
    assert house.posted[-1] == ("/v1/visit/devices/forget", {"endpoint": subscription["endpoint"]})
    assert refused == []
    page.context.close()


def test_a_house_that_sends_none_offers_none(chromium: Chromium, house: House) -> None:
    house.key = ""
    page = chromium.new_page()
    with page.expect_response("**/v1/visit/devices"):
        page.goto(f"{house.url}/visit/messages")
    expect(page.locator("#notify")).to_be_hidden()
    page.close()


def test_who_blocked_them_reads_why_there_is_no_button(chromium: Chromium, house: House) -> None:
    page = chromium.new_page()
    page.add_init_script("Object.defineProperty(Notification, 'permission', { get: () => 'denied' })")
    page.goto(f"{house.url}/visit/messages")
    expect(page.locator("#notify p")).to_have_text(
        "Las notificaciones están bloqueadas en los ajustes de este navegador."
    )
    expect(page.locator("#notify button")).to_be_hidden()
    page.close()


def _page(chromium: Chromium, house: House, subscription: dict[str, Any]) -> Page:
    """Of a browser that may notify, and is given that subscription when it asks for one."""
    context = chromium.new_context()
    context.grant_permissions(["notifications"], origin=house.url)
    page = context.new_page()
    page.add_init_script(f"({SUBSCRIBED})({json.dumps(subscription)})")
    return page


def _through_a_push_service() -> tuple[dict[str, Any], dict[str, Any]]:
    """A subscription, and what came to its browser when our adapter sent the words there."""

    async def bring() -> tuple[dict[str, Any], dict[str, Any]]:
        push = Push(id="m", words=json.dumps(WORDS), lasts=timedelta(minutes=1), urgency=Urgency.HIGH, topic="visit")
        loopback = (ip_network("127.0.0.0/8"),)
        async with push_service() as service, open_courier(also=loopback) as courier:
            browser = service.browser()
            pusher = WebPusher(courier, HOUSE, contact="visits@clinic.example", clock=SystemClock())
            assert await pusher.send(push, browser.device) == Sent()
            return browser.subscription, browser.received[0].words

    with ThreadPoolExecutor(1) as elsewhere:  # Playwright has a loop in this thread
        return elsewhere.submit(asyncio.run, bring()).result()


def _deliver(page: Page, origin: str, data: str) -> None:
    tools = page.context.new_cdp_session(page)
    found: list[str] = []
    tools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: found.extend(each["registrationId"] for each in told["registrations"]),
    )
    tools.send("ServiceWorker.enable")
    _eventually(page, lambda: bool(found))
    tools.send("ServiceWorker.deliverPushMessage", {"origin": origin, "registrationId": found[-1], "data": data})
    tools.detach()


def _eventually(page: Page, holds: Any) -> None:
    for _ in range(600):
        if holds():
            return
        page.wait_for_timeout(100)
    assert holds()


RENEWED = """async present => {
  PushManager.prototype.getSubscription = async () => null;
  PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
    globalThis.asked = [applicationServerKey.length, userVisibleOnly];
    return { endpoint: present.endpoint, toJSON: () => present };
  };
  let done;
  const waitUntil = (promise) => { done = promise; };
  self.dispatchEvent(Object.assign(new Event("pushsubscriptionchange"), { waitUntil }));
  await done;
  return globalThis.asked;
}"""


def test_a_browser_that_is_given_another_place_says_so_with_no_page_open(chromium: Chromium, house: House) -> None:
    """The event comes from the push service of the browser's maker, which is not here: it is given to the worker."""
    former, _ = _through_a_push_service()
    page = _page(chromium, house, former)
    page.goto(f"{house.url}/visit/messages")
    page.locator("#notify button").click()
    expect(page.locator("#notify p")).to_have_text("Este navegador muestra notificaciones.")
    (worker,) = page.context.service_workers
    page.goto("about:blank")
    places = [former, *({**former, "endpoint": f"https://push.example/{number}"} for number in (2, 3))]
    for before, after in pairwise(places):
        assert worker.evaluate(RENEWED, after) == [65, True]
        assert house.posted[-1] == ("/v1/devices/renewed", {"former": before, "present": after})
    page.context.close()


def test_who_turned_notifications_off_has_nothing_renewed(chromium: Chromium, house: House) -> None:
    former, _ = _through_a_push_service()
    page = _page(chromium, house, former)
    page.goto(f"{house.url}/visit/messages")
    button = page.locator("#notify button")
    for words in ("Desactivar las notificaciones en este navegador", "Activar las notificaciones en este navegador"):
        button.click()
        expect(button).to_have_text(words)
    (worker,) = page.context.service_workers
    assert worker.evaluate(RENEWED, {**former, "endpoint": "https://push.example/2"}) is None
    assert house.posted[-1][0] == "/v1/visit/devices/forget"
    page.context.close()

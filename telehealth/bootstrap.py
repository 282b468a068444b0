"""Settings in, a running house out: the only place that chooses implementations."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from starlette.types import ASGIApp

from telehealth import __version__
from telehealth.access.authentication import StoredCredentials
from telehealth.alerts.board import TaskAlerts
from telehealth.catalogue import Catalogue, read_catalogue
from telehealth.core.ports import Ports, Signals
from telehealth.core.time import Clock, SystemClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault, parse_key_ring
from telehealth.exchange.ports import SchedulingLinks
from telehealth.followups.board import BoardFollowUps, TaskBoards
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.followups.ports import DeviceAlerts, FollowUpSpeed, Questionnaires
from telehealth.http.app import build_app
from telehealth.http.call import Kit
from telehealth.http.house import OPERATIONS, Description
from telehealth.http.locales import Locales
from telehealth.http.notices import Notices
from telehealth.http.openapi import openapi
from telehealth.http.pages import open_pages
from telehealth.http.paging import CursorKey
from telehealth.http.ports import Authenticator
from telehealth.http.signals import ValkeySignals
from telehealth.http.turns import Turns
from telehealth.monitoring.library import QuestionnaireLibrary
from telehealth.notifications.caller import CallerWebhook
from telehealth.notifications.metrics import gauges as numbers_of_messages
from telehealth.notifications.ports import (
    Caller,
    CallerSecret,
    GatewayDoor,
    GatewayKind,
    Mailer,
    MailFrom,
    NoCaller,
    NoPusher,
    NoTexter,
    PublicUrl,
    Pusher,
    Rates,
    Texter,
)
from telehealth.notifications.rules import Channel as MessageChannel
from telehealth.notifications.sms_gateway import Account, SmsGateway
from telehealth.notifications.smtp import SmtpMailer
from telehealth.notifications.web_push import WebPusher, read_key
from telehealth.people import queries as people
from telehealth.records.after_visit.ports import PatientTasks
from telehealth.records.attachments.bucket import BucketStore
from telehealth.records.attachments.directory import DirectoryStore, NoStore
from telehealth.records.attachments.examiner import ProcessExaminer
from telehealth.records.attachments.ports import Examiner, Limits, ObjectStore
from telehealth.records.attachments.rules import MEBIBYTE
from telehealth.records.attachments.signature import Credential
from telehealth.records.charting.board import NotesOnBoard
from telehealth.records.charting.ports import RoomFollowUps, SupervisorTasks
from telehealth.records.delivery.destinations import RECORD_SERVICE, Target, parse_targets, profile_called
from telehealth.records.delivery.fhir_client import open_record_service
from telehealth.records.delivery.ports import Destination, Destinations, MetricsToken, OtherNumbers
from telehealth.scheduling.availability.ports import KeptVisits
from telehealth.scheduling.calendars.ports import OwnDomain
from telehealth.scheduling.calendars.rules import domain_of
from telehealth.settings.house import Environment, Settings
from telehealth.tasks.app import open_publisher
from telehealth.tasks.nudge import Nudger
from telehealth.tasks.outbound import Fetcher, open_client, open_courier, open_fetcher, parse_networks
from telehealth.tasks.work import Work
from telehealth.video.captioner_client import HttpCaptioners
from telehealth.video.media_client import HttpMediaNode
from telehealth.video.media_grants import GrantSigner
from telehealth.video.node_client import HttpMediaRooms
from telehealth.video.ports import Captioners, IceServers, MediaNode, MediaRooms, OpenChecks, Recorders, RoomBus
from telehealth.video.recorder_client import HttpRecorders
from telehealth.video.valkey_rooms import ValkeyRooms
from telehealth.visits.appointments.kept import VisitsOutsideHours
from telehealth.visits.escalation.ports import Lacking
from telehealth.visits.escalation.rules import Fault
from telehealth.visits.waiting_room.ports import FollowUps, LateNotes
from telehealth.visits.waiting_room.presence import Presence
from telehealth.visits.waiting_room.versions import Versions

WEB_POOL, WORKER_POOL = 4, 3  # a process has one core: with more, those who wait for a lock only wait in more places


@dataclass(frozen=True)
class House:
    """What every process of ours stands on."""

    catalogue: Catalogue
    unit_of_work: UnitOfWork
    ports: Ports


@asynccontextmanager
async def open_house(
    settings: Settings, *, pool_size: int = WORKER_POOL, clock: Clock | None = None
) -> AsyncIterator[House]:
    """Engine, push, ports; closed in reverse order. Without a clock, the machine's."""
    catalogue = read_catalogue()
    async with AsyncExitStack() as stack:
        engine = open_engine(settings.database_url.get_secret_value(), pool_size=pool_size)
        stack.push_async_callback(engine.dispose)
        signals = ValkeySignals(settings.push_url, Notices(settings.database_url.get_secret_value()))
        stack.push_async_callback(signals.close)
        nudger = Nudger(open_publisher(settings.broker_url.get_secret_value()), signals)
        stack.push_async_callback(nudger.close)
        vault = Vault(parse_key_ring(settings.data_keys.get_secret_value()))
        unit_of_work = UnitOfWork(engine, clock or SystemClock(), vault, catalogue.conflicts, nudger.nudge)
        ports = await _outside(settings, unit_of_work, stack)
        ports |= {Signals: signals, Authenticator: StoredCredentials(unit_of_work)}
        yield House(catalogue, unit_of_work, Ports(ports))


@asynccontextmanager
async def open_web(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[ASGIApp]:
    """The web application with everything behind it open."""
    async with open_house(settings, pool_size=WEB_POOL, clock=clock) as house, house.ports.get(Presence).rounds():
        operations = (*OPERATIONS, *house.catalogue.operations)
        description = Description(openapi(operations, version=__version__))
        kit = Kit(
            house.unit_of_work,
            house.ports.having(Description, description),
            open_pages(Locales.load(), takes_files=house.ports.get(Limits).kept),
            settings.public_url,
            people.clinic,
            Turns(altogether=WEB_POOL - 1),  # one connection is always the clinic's own
        )
        yield build_app(kit, operations, house.catalogue.sockets)


@asynccontextmanager
async def open_work(settings: Settings) -> AsyncIterator[Work]:
    """What a worker child stands on."""
    async with open_house(settings) as house:
        yield Work(house.unit_of_work, house.ports, house.unit_of_work.clock)


async def _outside(settings: Settings, unit_of_work: UnitOfWork, stack: AsyncExitStack) -> dict[type[Any], object]:
    """Every port that leads out of the process or tells a package about the house."""
    follow_ups, late_notes = BoardFollowUps(), NotesOnBoard()
    return {
        **await _files(settings, unit_of_work, stack),
        CursorKey: CursorKey(settings.secret_key.get_secret_value()),
        Fetcher: await stack.enter_async_context(open_fetcher(also=parse_networks(settings.calendar_networks))),
        FollowUps: follow_ups,
        RoomFollowUps: follow_ups,
        PatientTasks: follow_ups,
        SupervisorTasks: CosignatureTasks(),
        Questionnaires: QuestionnaireLibrary(),
        DeviceAlerts: TaskAlerts(),
        FollowUpSpeed: FollowUpSpeed(settings.follow_up_speed),
        GatewayDoor: GatewayDoor(GatewayKind(settings.sms_gateway), _secret(settings.sms_inbound_secret) or ""),
        IceServers: IceServers(tuple(settings.turn_urls.split()), _secret(settings.turn_secret)),
        KeptVisits: VisitsOutsideHours(),
        Lacking: _lacking(settings),
        Locales: Locales.load(),
        MailFrom: MailFrom(settings.mail_from),
        OtherNumbers: OtherNumbers((numbers_of_messages,)),
        MetricsToken: MetricsToken(_secret(settings.metrics_token)),
        Mailer: SmtpMailer(settings.smtp_url.get_secret_value()),
        MediaNode: HttpMediaNode(settings.media_url, _signer(settings)),
        MediaRooms: HttpMediaRooms(settings.media_url.split(), _signer(settings)),
        OpenChecks: OpenChecks(),
        OwnDomain: OwnDomain(domain_of(settings.public_url)),
        PublicUrl: PublicUrl(settings.public_url),
        Captioners: HttpCaptioners(_signer(settings), offered=bool(settings.captions_url)),
        Recorders: _recorders(settings),
        Destinations: await _destinations(settings, unit_of_work, stack),
        RoomBus: await _rooms(settings, unit_of_work, stack),
        SchedulingLinks: _scheduling_links(settings),
        Presence: Presence(unit_of_work),
        Rates: _rates(settings),
        Pusher: await _pusher(settings, unit_of_work.clock, stack),
        Caller: await _caller(settings, unit_of_work.clock, stack),
        CallerSecret: CallerSecret(_secret(settings.caller_secret) or ""),
        Texter: await _texter(settings, unit_of_work.clock, stack),
        TaskBoards: TaskBoards(unit_of_work),
        LateNotes: late_notes,
        Versions: Versions(unit_of_work, follow_ups, late_notes),
    }


async def _files(settings: Settings, unit_of_work: UnitOfWork, stack: AsyncExitStack) -> Mapping[type[Any], object]:
    """What files of visits need: where they are kept, who opens them, how large they may be."""
    limits = Limits(settings.attachment_largest * MEBIBYTE, kept=bool(settings.attachments))
    return {ObjectStore: await _store(settings, unit_of_work, stack), Examiner: ProcessExaminer(), Limits: limits}


async def _store(settings: Settings, unit_of_work: UnitOfWork, stack: AsyncExitStack) -> ObjectStore:
    place = settings.attachments
    if not place:
        return NoStore()
    if not place.startswith(("http://", "https://")):
        return DirectoryStore(Path(place))
    most = (2 * settings.attachment_largest + 8) * MEBIBYTE  # what is written anew may come out larger
    outbound = await stack.enter_async_context(open_client(deadline=60, max_bytes=most))
    key_id, secret, region = (_secret(settings.s3_credential) or "::").split(":", 2)
    return BucketStore(outbound, place, Credential(key_id, secret, region), clock=unit_of_work.clock)


def _recorders(settings: Settings) -> HttpRecorders:
    kept_for = timedelta(days=settings.recordings_kept_days)
    return HttpRecorders(_signer(settings), settings.recordings_directory, kept_for)


async def _destinations(settings: Settings, unit_of_work: UnitOfWork, stack: AsyncExitStack) -> Destinations:
    return Destinations(
        tuple(
            [
                Destination(
                    target.name,
                    target.profile,
                    await stack.enter_async_context(open_record_service(target, unit_of_work.clock)),
                )
                for target in record_targets(settings)
            ]
        )
    )


def record_targets(settings: Settings) -> tuple[Target, ...]:
    """The record services of these settings. Raises ValueError, which names what is wrong and never shows a value."""
    if settings.record_destinations is not None:
        return parse_targets(settings.record_destinations.get_secret_value())
    profile = profile_called(settings.record_profile)
    return (
        Target(
            name=RECORD_SERVICE,
            url=settings.record_service_url.rstrip("/"),
            profile=profile if settings.record_visits else profile.of_notes_alone(),
            client_id=settings.record_client_id,
            private_key=_secret(settings.record_private_key),
        ),
    )


def _rates(settings: Settings) -> Rates:
    """Raises ValueError for a channel that there is not."""
    said = (each.split("=") for each in settings.message_rates.split())
    return Rates({MessageChannel(channel): float(rate) for channel, rate in said})


async def _texter(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Texter:
    if not settings.sms_url:
        return NoTexter()
    return SmsGateway(
        await stack.enter_async_context(open_client()),
        settings.sms_url,
        kind=GatewayKind(settings.sms_gateway),
        sender=settings.sms_from,
        account=Account(settings.sms_user, _secret(settings.sms_secret) or ""),
        region=settings.sms_region,
        clock=clock,
        receipts=_receipts(settings),
    )


def _receipts(settings: Settings) -> str:
    """Where Twilio tells what became of a message, when what it tells can be checked."""
    path = "/v1/messages/{id}/receipts/twilio"
    return f"{settings.public_url}{path}" if settings.sms_inbound_secret is not None else ""


async def _pusher(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Pusher:
    key = _secret(settings.push_private_key)
    if key is None:
        return NoPusher()
    courier = await stack.enter_async_context(open_courier(also=parse_networks(settings.push_networks)))
    return WebPusher(courier, read_key(key), contact=settings.mail_from, clock=clock)


async def _caller(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Caller:
    if not settings.caller_url:
        return NoCaller()
    secret = _secret(settings.caller_secret) or ""
    return CallerWebhook(
        await stack.enter_async_context(open_client()), settings.caller_url, secret=secret, clock=clock
    )


async def _rooms(settings: Settings, unit_of_work: UnitOfWork, stack: AsyncExitStack) -> RoomBus:
    rooms = ValkeyRooms(settings.push_url, unit_of_work.vault)
    stack.push_async_callback(rooms.close)
    return rooms


def _scheduling_links(settings: Settings) -> SchedulingLinks:
    return SchedulingLinks(
        on=settings.scheduling_links,
        codes=frozenset(settings.scheduling_links_types.split()),
        booking_url=settings.booking_url or f"{settings.public_url}/book",
    )


def _lacking(settings: Settings) -> Lacking:
    """Where patients and clinicians sit behind different networks, a call needs a TURN server (RFC 8656)."""
    relayed = bool(settings.turn_urls.split()) and settings.turn_secret is not None
    return Lacking() if relayed or settings.environment is not Environment.PRODUCTION else Lacking({Fault.NO_RELAY})


def _signer(settings: Settings) -> GrantSigner | None:
    key = _secret(settings.grant_private_key)
    return GrantSigner(key) if key else None


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()

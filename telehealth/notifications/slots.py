"""Which words there are: for what kind of message, whom and which channel, and what may be said in them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telehealth.notifications.kinds import KINDS, OF_A_LINE, About, Whom, channels
from telehealth.notifications.rules import Channel, MessageKind
from telehealth.notifications.wording import Frame, Wording

BUDGET = 3  # parts of a text message on the air, with the longest of what may stand in it


@dataclass(frozen=True, slots=True)
class Words:
    """Which words: one text in four languages."""

    kind: MessageKind
    whom: Whom
    channel: Channel

    @property
    def name(self) -> str:
        """What it is called in addresses, such as invitation-patient-email."""
        return f"{self.kind}-{self.whom}-{self.channel}"

    @property
    def frame(self) -> Frame:
        nature = KINDS[self.kind]
        if self.channel in OF_A_LINE:  # it leads there by itself, and says by itself who it is from
            return Frame(
                known=nature.needs & _OF_A_LINE,
                needed=nature.needs & frozenset({"when"}),
                open_to=frozenset(),
                has_subject=False,
                one_line=True,
            )
        timed = nature.about in (About.VISIT, About.OFFER)
        usual = _TEXTED if self.channel is Channel.SMS else _PLACES[self.whom] | nature.may
        return Frame(
            known=(usual - (frozenset() if timed else _OF_TIMES) - (frozenset() if "link" in nature.needs else _LINKS))
            | nature.needs,
            needed=nature.needs,
            open_to=frozenset({"when"} if timed else ()),
            has_subject=self.channel is Channel.EMAIL,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One version of words in one language; `published_by` is an account."""

    id: UUID
    words: Words
    language: str
    version: int
    wording: Wording
    published_at: datetime
    published_by: UUID | None
    retired_at: datetime | None


_OF_A_LINE = frozenset({"when", "delay"})
_OF_TIMES, _LINKS = frozenset({"when", "clinician"}), frozenset({"link", "how"})
_TEXTED = frozenset({"clinic", "when", "link"})
_PLACES = {
    Whom.PATIENT: frozenset({"greeting", "clinic", "phone", "when", "clinician", "link"}),
    Whom.COMPANION: frozenset({"greeting", "clinic", "phone", "when", "clinician", "link", "how"}),
    Whom.STAFF: frozenset({"greeting", "when", "link"}),
}
ALL = tuple(
    Words(kind, whom, channel)
    for whom in Whom
    for kind, nature in KINDS.items()
    if whom in nature.readers
    for channel in channels(kind, whom)
)

NAMED = {each.name: each for each in ALL}

"""The record services that the contract is asked of, and what each does otherwise, with the reason: as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from telehealth.records.delivery.profiles import GENERIC, Profile


class Promise(StrEnum):
    """What a record service may keep or break. Our client bears it either way, and each test says how.

    `sign-in`: SMART Backend Services, and nothing without a token. `once`: of conditional creates at the same moment
    one creates. `escapes`: an escaped bar in a search value is no separator (FHIR R4, section 3.1.1.3.2). `pages`: what
    one page of a search does not hold is on the next. `codes`: a code outside a required value set is refused.
    """

    SIGN_IN = "sign-in"
    ONCE = "once"
    ESCAPES = "escapes"
    PAGES = "pages"
    CODES = "codes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """`breaks`: the promises that are broken there, and why. `loses`: elements of what we send, such as
    `DocumentReference.relatesTo`, that are missing or otherwise in what is read back.
    """

    name: str
    profile: Profile = GENERIC
    breaks: Mapping[Promise, str] = field(default_factory=dict)
    loses: frozenset[str] = frozenset()


SEKMET = Server(
    name="sekmet 0.1.1",
    breaks={
        Promise.ONCE: "If-None-Exist is looked up outside the transaction that creates, on several threads",
        Promise.CODES: "its models know the types of elements, and of their codes only the form",
    },
)
MEDPLUM = Server(
    name="Medplum's router 5.2.13",
    breaks={
        Promise.SIGN_IN: "discovery and tokens belong to Medplum's server, not to its router",
        Promise.ESCAPES: "a bar is unescaped before system and value are told apart: nothing is found",
        Promise.PAGES: "the repository in memory cuts at _count and names no next page; total tells how many there are",
        Promise.CODES: "its validation leaves codes to the terminology of Medplum's server",
    },
)

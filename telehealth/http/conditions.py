"""Conditional requests (RFC 9110, section 13.1): the entity tags of this house are the numbers of versions."""

import re
from collections.abc import Mapping

from telehealth.core.errors import ConditionMissing, Stale
from telehealth.http.call import Call

ENTITY_TAG = re.compile(r'"([0-9]{1,18})"')


def etag(version: int) -> Mapping[str, str]:
    """The header that tells which version was read."""
    return {"ETag": f'"{version}"'}


def if_match(call: Call) -> int | None:
    """The version in If-Match, none when it is absent or `*`. Raises Stale for a tag that was never ours."""
    tag = call.header("if-match")
    return None if tag is None or tag.strip() == "*" else _version(tag)


def required_match(call: Call) -> int:
    """The version in If-Match, 0 for `If-None-Match: *`. Raises ConditionMissing without either, Stale as above."""
    tag = call.header("if-match")
    if tag is not None:
        return _version(tag)
    if (call.header("if-none-match") or "").strip() != "*":
        raise ConditionMissing
    return 0


def _version(tag: str) -> int:
    match = ENTITY_TAG.fullmatch(tag.strip())
    if match is None:
        raise Stale
    return int(match[1])

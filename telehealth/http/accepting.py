"""Content negotiation (RFC 9110, section 12.5.1): which of the forms on offer a request would rather have."""

from collections.abc import Sequence
from typing import TypeVar

Form = TypeVar("Form", bound=str)


def preferred(accept: str, forms: Sequence[Form]) -> Form:
    """The form with the highest weight, the first among equals; the first when none was asked for."""
    weights = [_weight(accept, form) for form in forms]
    best = max(weights)
    return forms[weights.index(best)] if best > 0 else forms[0]


def _weight(accept: str, form: str) -> float:
    """Of the most specific range that covers it; 0 when none does."""
    kind = form.partition("/")[0]
    found = {}
    for part in accept.lower().split(","):
        name, *parameters = (each.strip() for each in part.split(";"))
        found[name] = _quality(parameters)
    return next((found[name] for name in (form, f"{kind}/*", "*/*") if name in found), 0.0)


def _quality(parameters: Sequence[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0

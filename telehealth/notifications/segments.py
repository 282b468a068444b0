"""How many parts a text message takes on the air, and what an operator charges for. Pure.

3GPP TS 23.038: the GSM 7-bit default alphabet and its extension (sections 6.2.1 and 6.2.1.1), else UCS-2; 3GPP TS
23.040, section 9.2.3.24.1: a message of several parts gives seven septets or three characters of each to its header.
"""

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€\f")


def segments(text: str) -> int:
    """Parts on the air; none for an empty text. A character outside both tables makes all of it UCS-2."""
    if all(each in GSM or each in EXTENDED for each in text):
        return _parts([2 if each in EXTENDED else 1 for each in text], alone=160, chained=153)
    return _parts([len(each.encode("utf-16-be")) // 2 for each in text], alone=70, chained=67)


def _parts(sizes: list[int], *, alone: int, chained: int) -> int:
    """No character is torn apart between two parts."""
    if sum(sizes) <= alone:
        return min(len(sizes), 1)
    parts, room = 1, chained
    for size in sizes:
        if size > room:
            parts, room = parts + 1, chained
        room -= size
    return parts

"""The verdict on a device check. Pure."""

from collections.abc import Iterable

from telehealth.visits.lifecycle.rules import DeviceCheck

WELL = frozenset({"ok"})
BEARABLE = frozenset({"ok", "off", "silent", "unchecked"})


def judge_check(devices: Iterable[str], network: str | None) -> DeviceCheck:
    """One word for what the patient's page found.

    Devices: ok, off, silent, unchecked, or the code of a fault. Network: good, fair, poor, none, or nothing measured.
    """
    found = set(devices)
    if found == {"unchecked"} and network is None:
        return DeviceCheck.WAIVED
    if not found <= BEARABLE or network == "none":
        return DeviceCheck.FAILED
    if network == "poor":
        return DeviceCheck.POOR
    return DeviceCheck.GOOD if found <= WELL and network == "good" else DeviceCheck.FAIR

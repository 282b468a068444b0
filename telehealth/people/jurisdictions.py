"""Where clinicians are licensed and patients are: ISO 3166-1 countries, ISO 3166-2 subdivisions, their clocks. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from types import MappingProxyType

CODE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
LONGEST_CODE = 6

# Only countries that license by subdivision and have many clocks need a table. A part of a state that keeps
# another clock than the rest is listed too, so that a date there is never decided by the wrong midnight.
_EASTERN, _CENTRAL, _MOUNTAIN, _PACIFIC = "New_York", "Chicago", "Denver", "Los_Angeles"
_INDIANA = "Indianapolis Knox Marengo Petersburg Tell_City Vevay Vincennes Winamac"
_DAKOTA = "North_Dakota/Beulah North_Dakota/Center North_Dakota/New_Salem"
_AMERICAN = {
    "US-AL": ("Alabama", _CENTRAL),
    "US-AK": ("Alaska", "Anchorage Juneau Sitka Metlakatla Yakutat Nome Adak"),
    "US-AZ": ("Arizona", f"Phoenix {_MOUNTAIN}"),
    "US-AR": ("Arkansas", _CENTRAL),
    "US-CA": ("California", _PACIFIC),
    "US-CO": ("Colorado", _MOUNTAIN),
    "US-CT": ("Connecticut", _EASTERN),
    "US-DE": ("Delaware", _EASTERN),
    "US-DC": ("District of Columbia", _EASTERN),
    "US-FL": ("Florida", f"{_EASTERN} {_CENTRAL}"),
    "US-GA": ("Georgia", _EASTERN),
    "US-HI": ("Hawaii", "Pacific/Honolulu"),
    "US-ID": ("Idaho", f"Boise {_PACIFIC}"),
    "US-IL": ("Illinois", _CENTRAL),
    "US-IN": ("Indiana", " ".join(f"Indiana/{town}" for town in _INDIANA.split())),
    "US-IA": ("Iowa", _CENTRAL),
    "US-KS": ("Kansas", f"{_CENTRAL} {_MOUNTAIN}"),
    "US-KY": ("Kentucky", f"{_EASTERN} Kentucky/Louisville Kentucky/Monticello {_CENTRAL}"),
    "US-LA": ("Louisiana", _CENTRAL),
    "US-ME": ("Maine", _EASTERN),
    "US-MD": ("Maryland", _EASTERN),
    "US-MA": ("Massachusetts", _EASTERN),
    "US-MI": ("Michigan", "Detroit Menominee"),
    "US-MN": ("Minnesota", _CENTRAL),
    "US-MS": ("Mississippi", _CENTRAL),
    "US-MO": ("Missouri", _CENTRAL),
    "US-MT": ("Montana", _MOUNTAIN),
    "US-NE": ("Nebraska", f"{_CENTRAL} {_MOUNTAIN}"),
    "US-NV": ("Nevada", f"{_PACIFIC} {_MOUNTAIN}"),
    "US-NH": ("New Hampshire", _EASTERN),
    "US-NJ": ("New Jersey", _EASTERN),
    "US-NM": ("New Mexico", _MOUNTAIN),
    "US-NY": ("New York", _EASTERN),
    "US-NC": ("North Carolina", _EASTERN),
    "US-ND": ("North Dakota", f"{_CENTRAL} {_MOUNTAIN} {_DAKOTA}"),
    "US-OH": ("Ohio", _EASTERN),
    "US-OK": ("Oklahoma", _CENTRAL),
    "US-OR": ("Oregon", f"{_PACIFIC} Boise"),
    "US-PA": ("Pennsylvania", _EASTERN),
    "US-RI": ("Rhode Island", _EASTERN),
    "US-SC": ("South Carolina", _EASTERN),
    "US-SD": ("South Dakota", f"{_CENTRAL} {_MOUNTAIN}"),
    "US-TN": ("Tennessee", f"{_EASTERN} {_CENTRAL}"),
    "US-TX": ("Texas", f"{_CENTRAL} {_MOUNTAIN}"),
    "US-UT": ("Utah", _MOUNTAIN),
    "US-VT": ("Vermont", _EASTERN),
    "US-VA": ("Virginia", _EASTERN),
    "US-WA": ("Washington", _PACIFIC),
    "US-WV": ("West Virginia", _EASTERN),
    "US-WI": ("Wisconsin", _CENTRAL),
    "US-WY": ("Wyoming", _MOUNTAIN),
    "US-AS": ("American Samoa", "Pacific/Pago_Pago"),
    "US-GU": ("Guam", "Pacific/Guam"),
    "US-MP": ("Northern Mariana Islands", "Pacific/Saipan"),
    "US-PR": ("Puerto Rico", "Puerto_Rico"),
    "US-VI": ("Virgin Islands, U.S.", "St_Thomas"),
}
_CANADIAN = {
    "CA-AB": ("Alberta", "Edmonton"),
    "CA-BC": ("British Columbia", "Vancouver Dawson_Creek Fort_Nelson Creston Edmonton"),
    "CA-MB": ("Manitoba", "Winnipeg"),
    "CA-NB": ("New Brunswick", "Moncton"),
    "CA-NL": ("Newfoundland and Labrador", "St_Johns Goose_Bay Blanc-Sablon"),
    "CA-NT": ("Northwest Territories", "Inuvik Edmonton"),
    "CA-NS": ("Nova Scotia", "Halifax Glace_Bay"),
    "CA-NU": ("Nunavut", "Iqaluit Rankin_Inlet Resolute Cambridge_Bay Atikokan"),
    "CA-ON": ("Ontario", "Toronto Winnipeg Atikokan"),
    "CA-PE": ("Prince Edward Island", "Halifax"),
    "CA-QC": ("Quebec", "Toronto Halifax Blanc-Sablon"),
    "CA-SK": ("Saskatchewan", "Regina Swift_Current Edmonton"),
    "CA-YT": ("Yukon", "Whitehorse Dawson"),
}
_AUSTRALIAN = {
    "AU-ACT": ("Australian Capital Territory", "Sydney"),
    "AU-NSW": ("New South Wales", "Sydney Broken_Hill Lord_Howe"),
    "AU-NT": ("Northern Territory", "Darwin"),
    "AU-QLD": ("Queensland", "Brisbane Lindeman"),
    "AU-SA": ("South Australia", "Adelaide"),
    "AU-TAS": ("Tasmania", "Hobart Antarctica/Macquarie"),
    "AU-VIC": ("Victoria", "Melbourne"),
    "AU-WA": ("Western Australia", "Perth Eucla"),
}


def _in(area: str, zones: str) -> tuple[str, ...]:
    return tuple(zone if zone.startswith(("Pacific/", "Antarctica/")) else f"{area}/{zone}" for zone in zones.split())


def _countries() -> Mapping[str, tuple[str, ...]]:
    """Zones by country, from the table that comes with the tz database (tz-link, "zone.tab")."""
    table = files("tzdata").joinpath("zoneinfo/zone.tab").read_text("utf-8")
    found: dict[str, list[str]] = {}
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            found.setdefault(country, []).append(zone)
    return MappingProxyType({country: tuple(zones) for country, zones in sorted(found.items())})


def _subdivisions() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for area, table in (("America", _AMERICAN), ("America", _CANADIAN), ("Australia", _AUSTRALIAN)):
        for code, (name, zones) in table.items():
            yield code, name, _in(area, zones)


COUNTRIES: Mapping[str, tuple[str, ...]] = _countries()
SUBDIVISIONS: Mapping[str, str] = MappingProxyType({code: name for code, name, _ in _subdivisions()})
_ZONES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {**COUNTRIES, **{code: zones for code, _, zones in _subdivisions()}}
)
DIVIDED = frozenset(code[:2] for code in SUBDIVISIONS)


def zones_of(jurisdiction: str) -> tuple[str, ...]:
    """The IANA zones people there live by, never none. Raises ValueError for what is no jurisdiction.

    A subdivision of a country without a table of its own is read by all clocks of the country.
    """
    known = _ZONES.get(jurisdiction)
    if known is not None:
        return known
    country = jurisdiction[:2]
    if not CODE.fullmatch(jurisdiction) or country in DIVIDED or country not in COUNTRIES:
        raise ValueError("not a country of ISO 3166-1 or a subdivision of ISO 3166-2")
    return COUNTRIES[country]


def choices(also: Iterable[str] = ()) -> dict[str, list[tuple[str, str]]]:
    """What a person chooses from: by country its parts as (code, name), none for a country that is chosen whole.

    `also` are further jurisdictions to choose from, such as those somebody is licensed in. The name of a country is
    empty: every language has its own.
    """
    found: dict[str, list[tuple[str, str]]] = {country: [] for country in COUNTRIES}
    for code, name in SUBDIVISIONS.items():
        found[code[:2]].append((code, name))
    for code in sorted(set(also) - set(SUBDIVISIONS)):
        parts = found[code[:2]]
        if code in DIVIDED:
            parts.insert(0, (code, ""))
        elif code not in COUNTRIES:
            parts.extend([(code, code)] if parts else [(code[:2], ""), (code, code)])
    return found


def parse_jurisdiction(text: str) -> str:
    """The code as ISO writes it, in capitals. Raises ValueError for what is no jurisdiction."""
    code = text.strip().upper()
    zones_of(code)
    return code

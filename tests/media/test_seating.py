"""Which section shows whom."""

from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.seating import Key, common, keys_of, seat
from telehealth.media.sections import Section, read_offer
from tests.kit.offers import audio, data, offer, video


def sections(kinds: str, direction: str = "recvonly") -> list[Section]:
    """One section a letter: a(udio), v(ideo), A and V stopped."""
    return [
        Section(kind="audio" if kind in "aA" else "video", mid=str(number), live=kind.islower(), direction=direction)
        for number, kind in enumerate(kinds)
    ]


def test_what_a_participant_sends_is_counted_by_kind() -> None:
    text = offer(audio("0"), video("1"), data("2"), video("3"))
    assert keys_of("p", read_offer(text).sections) == {
        "0": Key("p", "audio", 0),
        "1": Key("p", "video", 0),
        "3": Key("p", "video", 1),
    }


def test_a_stopped_section_keeps_the_number_of_those_after_it() -> None:
    assert keys_of("p", sections("Vv", "sendonly")) == {"1": Key("p", "video", 1)}


def test_a_face_stays_where_it_is() -> None:
    a, b, c = (Key(name, "video", 0) for name in "abc")
    shown = seat(sections("vv"), {}, [a, b])
    assert shown == {"0": a, "1": b}
    assert seat(sections("vv"), shown, [b, c]) == {"0": c, "1": b}
    assert seat(sections("vvv"), shown, [a, b, c]) == {"0": a, "1": b, "2": c}


KEYS = st.builds(Key, st.sampled_from("abcd"), st.sampled_from(["audio", "video"]), st.integers(0, 1))


@given(st.text("avAV", max_size=8), st.lists(KEYS, unique=True), st.dictionaries(st.sampled_from("01234567"), KEYS))
def test_everything_is_shown_once_where_it_fits(kinds: str, offered: list[Key], shown: dict[str, Key]) -> None:
    where = sections(kinds)
    found = seat(where, shown, offered)
    assert len(set(found.values())) == len(found)
    assert set(found.values()) <= set(offered)
    by_mid = {section.mid: section for section in where}
    for mid, key in found.items():
        assert by_mid[mid].live
        assert by_mid[mid].kind == key.kind
    for kind in ("audio", "video"):
        places = sum(section.live and section.kind == kind for section in where)
        wanted = sum(key.kind == kind for key in offered)
        assert sum(key.kind == kind for key in found.values()) == min(places, wanted)


@given(st.text("av", max_size=8), st.lists(KEYS, unique=True), st.lists(KEYS, unique=True))
def test_what_goes_on_is_not_moved(kinds: str, before: list[Key], after: list[Key]) -> None:
    shown = seat(sections(kinds), {}, before)
    found = seat(sections(kinds), shown, after)
    assert all(found.get(mid) == key for mid, key in shown.items() if key in after)


@given(st.text("av", max_size=8), st.lists(KEYS, unique=True))
def test_seating_again_changes_nothing(kinds: str, offered: list[Key]) -> None:
    where = sections(kinds)
    once = seat(where, {}, offered)
    assert seat(where, once, reversed(offered)) == once


def test_codecs_in_common_are_the_subscribers() -> None:
    ours = read_offer(offer(video("0", "recvonly"))).sections[0].codecs
    theirs = read_offer(offer(video("0"))).sections[0].codecs
    found = common(theirs[1:], ours[:2])
    assert {number: codec.mime for number, codec in found.items()} == {108: "video/h264"}

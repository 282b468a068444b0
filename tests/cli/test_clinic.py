"""The clinic and its kinds of visit, from the command line on a real database."""

from tests.cli.test_accounts import Tell, read, telehealth

__all__ = ["telehealth"]  # the fixture


def test_a_clinic_and_what_can_be_booked(telehealth: Tell, database: str) -> None:
    named = telehealth("clinic", "--name", "Riverbend", "--phone", "+1 507 555 0100", "--zone", "America/Chicago")
    assert named.exit_code == 0, named.output
    assert read(database, "SELECT name, time_zone FROM clinic") == [("Riverbend", "America/Chicago")]
    for minutes in ("20", "30"):
        added = telehealth("visit-types", "add", "video", "--name", "Video visit", "--minutes", minutes)
        assert added.exit_code == 0, added.output
    assert telehealth("visit-types", "list").output == "video  Video visit, 30 minutes\n"
    assert read(database, "SELECT count(*) FROM visit_type") == [(1,)]


def test_a_zone_that_is_none(telehealth: Tell) -> None:
    refused = telehealth("clinic", "--name", "Riverbend", "--phone", "1", "--zone", "Mars/Base")
    assert refused.exit_code == 1
    assert "IANA" in refused.output

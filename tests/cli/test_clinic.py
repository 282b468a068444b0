"""The clinic and its kinds of visit, from the command line on a real database."""

from tests.cli.test_accounts import CLINICIAN, PASSWORD, Tell, read, telehealth

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


def test_where_a_clinician_is_licensed(telehealth: Tell, database: str) -> None:
    email = "ada@clinic.example"
    added = telehealth("accounts", "add", email, *CLINICIAN, "--password-stdin", told=PASSWORD)
    assert added.exit_code == 0, added.output
    for held in (["us-ca", "US-NY=2025-01-01/2026-12-31"], ["US-CA", "DE=../2026-06-30"]):
        told = telehealth("licences", "set", email, *held)
        assert told.exit_code == 0, told.output
    assert telehealth("licences", "list", email).output == "DE=../2026-06-30\nUS-CA=../..\n"
    for wrong in (["US-ZZ"], ["DE=2026"], ["DE=2026-02-01/2026-01-01"]):
        assert telehealth("licences", "set", email, *wrong).exit_code == 1
    assert telehealth("licences", "list", "nobody@clinic.example").exit_code == 1
    assert read(database, "SELECT count(*) FROM licence") == [(2,)]

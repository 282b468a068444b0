"""Tables of calendars. Private to this package."""

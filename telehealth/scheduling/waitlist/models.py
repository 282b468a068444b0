"""Tables of waitlist. Private to this package."""

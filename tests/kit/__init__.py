"""Real programs and faults for tests: nothing here is imported by the platform."""

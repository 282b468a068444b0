"""A telemedicine visit platform an institution runs on its own machines."""

__version__ = "0.1.0"

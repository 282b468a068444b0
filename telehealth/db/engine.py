"""The engine: psycopg 3, no parameter values in errors, statement and lock limits set on every connection."""

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

DRIVER = "postgresql+psycopg"
LIMITS = "-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s -c timezone=UTC"


def open_engine(url: str, *, pool_size: int = 10, patience: float = 10) -> AsyncEngine:
    """An engine for `postgresql://…`; the driver is always psycopg 3. `patience`: seconds to wait for a connection."""
    return create_async_engine(
        make_url(url).set(drivername=DRIVER),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=patience,
        pool_pre_ping=True,
        hide_parameters=True,  # SQLAlchemy prints values in errors otherwise, and here they are health data
        connect_args={"options": LIMITS, "connect_timeout": 5, "application_name": "telehealth"},
    )

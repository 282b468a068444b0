"""What SQLAlchemy has compiled for one database of a test process serves all others too.

Each test has a database and an engine of its own, which would compile every statement anew: that was a third of the
time of a test.
"""

from typing import Any

from sqlalchemy import event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, PGDialectAsync_psycopg
from sqlalchemy.engine import URL, Connection, Dialect, Engine
from sqlalchemy.util import LRUCache

STATEMENTS: LRUCache[Any, Any] = LRUCache(4_000)


class OneOfMany(PGDialectAsync_psycopg):
    """Equal to every other: they lead to databases of one server, by the same driver."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OneOfMany)

    def __hash__(self) -> int:
        return hash(OneOfMany)


class Driver(PGDialect_psycopg):
    supports_statement_cache = True

    @classmethod
    def get_async_dialect_cls(cls, _url: URL) -> type[Dialect]:
        return OneOfMany


def compile_once() -> None:
    registry.register("postgresql.psycopg", __name__, Driver.__name__)
    event.listen(Engine, "engine_connect", _share)


def _share(connection: Connection) -> None:
    connection.execution_options(compiled_cache=STATEMENTS)

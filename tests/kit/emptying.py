"""A used database made like new: its tables emptied, its sequences begun again. Faster than a new copy."""

import psycopg

# What a test may have changed besides rows.
SHAPE = """
SELECT md5(concat(
  (SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_(temp|toast_temp)_'),
  (SELECT string_agg(concat_ws(' ', oid, relname, relnamespace, relkind, relnatts, relchecks, relhastriggers),
                     ';' ORDER BY oid) FROM pg_class WHERE oid >= 16384),
  (SELECT string_agg(concat_ws(' ', attrelid, attname, atttypid, attnotnull, atthasdef), ';' ORDER BY attrelid, attnum)
     FROM pg_attribute WHERE attrelid >= 16384),
  (SELECT string_agg(concat_ws(' ', oid, tgname, tgenabled), ';' ORDER BY oid) FROM pg_trigger),
  (SELECT string_agg(concat_ws(' ', oid, conname, convalidated), ';' ORDER BY oid)
     FROM pg_constraint WHERE oid >= 16384),
  (SELECT string_agg(concat_ws(' ', oid, md5(prosrc)), ';' ORDER BY oid) FROM pg_proc WHERE oid >= 16384),
  (SELECT string_agg(setconfig::text, ';') FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()))))
"""
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
USED = """
SELECT string_agg('DELETE FROM ' || oid::regclass::text, '; ') FROM pg_class
 WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
   AND pg_relation_size(oid) > 0
"""
SIZE = "SELECT sum(pg_relation_size(oid)) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
ADVANCED = "SELECT quote_ident(sequencename) FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
LARGE = 8 << 20
"""Bytes from which a database is not kept: deleted rows stay in the files, and reading them takes time."""


def shape_of(url: str) -> str:
    """A fingerprint of schema and settings."""
    with psycopg.connect(url) as connection:
        return _value(connection, SHAPE)


def empty(url: str, shape: str) -> bool:
    """Ends what is still connected and empties all tables. False when its shape is another or it is too large."""
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = public")
        connection.execute(OTHERS, [connection.info.backend_pid])
        if _value(connection, SHAPE) != shape or int(_value(connection, SIZE)) > LARGE:
            return False
        connection.execute("SET session_replication_role = replica")  # without foreign keys and guards
        connection.execute(_value(connection, USED).encode())
        for (sequence,) in connection.execute(ADVANCED).fetchall():
            connection.execute(f"ALTER SEQUENCE {sequence} RESTART".encode())
    return True


def _value(connection: psycopg.Connection, query: str) -> str:
    found = connection.execute(query.encode()).fetchone()
    assert found is not None
    return str(found[0] or "")

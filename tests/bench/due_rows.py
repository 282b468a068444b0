"""Follow-up tasks of mixed kinds whose time comes, and when each was moved: by the commit's own time stamp."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID

import psycopg

from telehealth.core.time import SystemClock
from telehealth.db.unit import Unit
from tests.bench.figures import Times
from tests.kit.clinic import Clinic, book, open_clinic, register

PATIENTS = 100
EVERY = timedelta(minutes=20)

# What every contender does with a row, all in one statement: look whether it still applies, move it by one step,
# write the step into its history and the event into the outbox.
MOVE: LiteralString = """
WITH taken AS (
  SELECT t.*, t.revision + 1 AS seq,
    CASE t.status WHEN 'planned' THEN 'due' WHEN 'due' THEN 'reminded' ELSE 'escalated' END AS after,
    CASE t.status WHEN 'planned' THEN 'fire' WHEN 'due' THEN 'remind' ELSE 'escalate' END AS command,
    CASE t.status WHEN 'planned' THEN 'FollowUpDue' WHEN 'due' THEN 'FollowUpReminded'
      ELSE 'FollowUpEscalated' END AS event,
    CASE t.status WHEN 'planned' THEN t.due_at + interval '1 day' WHEN 'due' THEN t.ends_at END AS next_look
  FROM follow_up_task t JOIN visit v ON v.id = t.visit_id
  WHERE t.id = %s AND t.closed_at IS NULL AND t.next_at <= now() AND v.status <> 'entered_in_error'
  FOR UPDATE OF t
), moved AS (
  UPDATE follow_up_task t SET status = after, moved_at = now(), next_at = next_look, revision = seq
  FROM taken WHERE t.id = taken.id
), step AS (
  INSERT INTO follow_up_step (task_id, seq, at, command, before, after, role)
  SELECT id, seq, now(), command, status, after, 'system' FROM taken
)
INSERT INTO outbox (kind, body, emitted_at, due_at)
SELECT event, jsonb_build_object('task_id', id, 'visit_id', visit_id, 'patient_id', patient_id,
  'clinician_id', clinician_id, 'pool', pool, 'owner_id', owner_id), now(), now() FROM taken
"""
# Ids as the house makes them, one after the other; at random each row has a page of every index to itself.
PLANT: LiteralString = """
WITH wanted AS (
  SELECT uuidv7() AS id, n, %(first)s::timestamptz + n * %(apart)s AS at,
    (ARRAY['call', 'rebook', 'lab', 'imaging', 'questionnaire', 'medication', 'referral', 'message'])[n %% 8 + 1] kind,
    (ARRAY['planned', 'planned', 'planned', 'due', 'reminded'])[n %% 5 + 1] AS status
  FROM generate_series(0, %(count)s - 1) n
), visits AS (
  SELECT id, patient_id, clinician_id, row_number() OVER () - 1 AS n FROM visit
), planted AS (
  INSERT INTO follow_up_task (id, visit_id, patient_id, clinician_id, kind, title, status, planned_at, due_at, ends_at,
    next_at, moved_at, owner_id)
  SELECT w.id, v.id, v.patient_id, v.clinician_id, w.kind, '\\x00', w.status, d.at - interval '9 days', d.at,
    d.at + interval '3 days', w.at, d.at - interval '9 days', v.clinician_id
  FROM wanted w
  JOIN visits v ON v.n = w.n %% (SELECT count(*) FROM visit)
  CROSS JOIN LATERAL (SELECT w.at - CASE w.status WHEN 'planned' THEN interval '0'
    WHEN 'due' THEN interval '1 day' ELSE interval '3 days' END AS at) d
)
INSERT INTO bench_due SELECT id, at FROM wanted RETURNING task_id, at
"""
# Read from the index of what is due, so that looking costs the same whatever lies ahead of it. What was moved has its
# next look a day later at least.
LEFT: LiteralString = "SELECT count(*) FROM follow_up_task WHERE next_at <= (SELECT max(at) FROM bench_due)"
SPAN: LiteralString = """
WITH moved AS (
  SELECT pg_xact_commit_timestamp(t.xmin) AS at FROM bench_due d JOIN follow_up_task t ON t.id = d.task_id
  WHERE t.moved_at >= d.at
)
SELECT count(*) FILTER (WHERE at > (SELECT min(at) FROM moved)), extract(epoch FROM max(at) - min(at)) FROM moved
"""
LATE: LiteralString = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(t.xmin) - d.at) * 1000
FROM bench_due d JOIN follow_up_task t ON t.id = d.task_id
"""


@dataclass(frozen=True, slots=True)
class DueRows:
    """`url` leads to a database whose server keeps the time of each commit."""

    url: str

    def prepare(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE bench_due (task_id uuid PRIMARY KEY, at timestamptz NOT NULL)")

    def clear(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")  # histories are append-only
            connection.execute("TRUNCATE bench_due, follow_up_task, follow_up_step, outbox, outbox_handled CASCADE")
            ((has_jobs,),) = connection.execute("SELECT to_regclass('procrastinate_jobs') IS NOT NULL").fetchall()
            if has_jobs:  # those of who was stopped
                connection.execute("TRUNCATE procrastinate_jobs CASCADE")

    def forget(self) -> None:
        """What was planted so far is not counted any more, and stays."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("TRUNCATE bench_due")

    def plant(self, count: int, first: datetime, apart: timedelta = timedelta(0)) -> Sequence[tuple[UUID, datetime]]:
        """Rows whose time comes at `first`, and so far apart."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            planted = connection.execute(PLANT, {"first": first, "apart": apart, "count": count}).fetchall()
            connection.execute("VACUUM ANALYZE follow_up_task")
        return sorted(planted, key=lambda each: each[1])

    def left(self) -> int:
        """How many of those that are counted were not moved yet."""
        with psycopg.connect(self.url) as connection:
            ((count,),) = connection.execute(LEFT).fetchall()
        return int(count)

    def rate(self) -> float:
        """Rows a second, from the first commit to the last; the first commit's own rows do not count."""
        with psycopg.connect(self.url) as connection:
            ((count, seconds),) = connection.execute(SPAN).fetchall()
        return float(count) / float(seconds)

    def lateness(self) -> Times:
        """Milliseconds from when a row was due to when its change stood."""
        with psycopg.connect(self.url) as connection:
            return Times([float(late) for (late,) in connection.execute(LATE)])


async def move_in(unit: Unit) -> Clinic:
    """Visits of a hundred patients, for the tasks to be about."""
    clinic = await open_clinic(unit)
    await book(unit, clinic, _start(0))
    for number in range(1, PATIENTS):
        patient = await register(unit, f"Rosa {number}")
        await book(unit, Clinic(clinic.clinician, patient, clinic.visit_type), _start(number))
    return clinic


def _start(number: int) -> datetime:
    """Fifteen in a day, on Tuesdays to come."""
    today = SystemClock().now().date()
    tuesday = today + timedelta(days=(1 - today.weekday()) % 7 + 7 * (1 + number // 15))
    return datetime(tuesday.year, tuesday.month, tuesday.day, 16, tzinfo=UTC) + EVERY * (number % 15)

"""A contender: a Celery task with an ETA for each row. `celery -A tests.bench.due_celery worker`."""

import os
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import psycopg
from celery import Celery

from tests.bench.due_rows import MOVE

app = Celery("due", broker=os.environ.get("BROKER_URL"))
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)
connections: list[psycopg.Connection] = []  # one for each child, opened by its first task


@app.task(name="move", typing=False)  # type: ignore[untyped-decorator]
def move(task_id: str) -> None:
    if not connections:
        connections.append(psycopg.connect(os.environ["DATABASE_URL"], autocommit=True))
    connections[0].execute(MOVE, [task_id])


def send(broker_url: str, rows: Iterable[tuple[UUID, datetime]]) -> None:
    """One letter for each row."""
    sender = Celery("due", broker=broker_url)
    with sender.producer_pool.acquire(block=True) as producer:
        for task_id, at in rows:
            sender.send_task("move", [str(task_id)], eta=at, producer=producer, ignore_result=True)
    sender.close()

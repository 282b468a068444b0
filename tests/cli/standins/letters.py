"""Stands in for the worker: a Celery application without tasks of ours."""

from os import environ

from celery import Celery

app = Celery("letters", broker=environ["BROKER_URL"])
app.conf.update(broker_connection_retry_on_startup=True, task_default_queue="telehealth")

"""The door of worker and beat: `celery -A telehealth.celery worker`."""

import logging

from telehealth.bootstrap import open_work
from telehealth.catalogue import read_catalogue
from telehealth.core.failpoints import arm
from telehealth.settings.environment import read_settings
from telehealth.tasks.app import build_celery

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
logging.getLogger("celery").setLevel(logging.WARNING)
settings = read_settings()
sweeps = read_catalogue().sweeps
if settings.fail_at is not None:
    arm(settings.fail_at)
app = build_celery(settings.broker_url.get_secret_value(), sweeps, lambda: open_work(settings))

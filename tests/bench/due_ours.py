"""Ours: worker and beat with the sweep of follow-up tasks alone. `celery -A tests.bench.due_ours worker`."""

from telehealth.bootstrap import open_work
from telehealth.followups.tasks import SWEEPS
from telehealth.settings.environment import read_settings
from telehealth.tasks.app import build_celery

settings = read_settings()
app = build_celery(settings.broker_url.get_secret_value(), SWEEPS, lambda: open_work(settings))

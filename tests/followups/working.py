"""The worker of tests of follow-up tasks."""

from telehealth.core.ports import Ports
from telehealth.db.unit import UnitOfWork
from telehealth.followups.ports import FollowUpSpeed
from telehealth.tasks.work import Work


def work_of(unit_of_work: UnitOfWork, speed: float = 1.0) -> Work:
    return Work(unit_of_work, Ports({FollowUpSpeed: FollowUpSpeed(speed)}), unit_of_work.clock)

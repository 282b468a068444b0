"""What a server of forks has before the first fork: the whole house, read once."""

import tests.kit.call_process  # noqa: F401 -- what forks run
from telehealth.catalogue import read_catalogue

read_catalogue()

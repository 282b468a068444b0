"""`python -m telehealth` is the command `telehealth`."""

from telehealth.cli.commands import app

if __name__ == "__main__":
    app(prog_name="telehealth")

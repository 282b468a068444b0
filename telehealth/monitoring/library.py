"""What follow-up tasks may name: the implementation of their port."""

from collections.abc import Collection

from telehealth.db.unit import Unit
from telehealth.monitoring import queries


class QuestionnaireLibrary:
    """`followups.ports.Questionnaires`."""

    async def codes(self, unit: Unit, /) -> Collection[str]:
        return await queries.codes(unit)

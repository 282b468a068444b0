"""Questions asked together: hundreds of open pages ask the database the same thing at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import Generic, TypeVar

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")


class Together(Generic[Question, Answer]):
    """Answers questions in batches, one batch at a time.

    What is asked while a batch is under way waits for the next one, which begins after the question: nobody gets an
    answer that is older than the question. What is asked at one moment is one batch. The same question is asked once.
    """

    def __init__(self, answer: Callable[[Collection[Question]], Awaitable[Mapping[Question, Answer]]]) -> None:
        self._answer = answer
        self._asked: dict[Question, asyncio.Future[Answer | None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer | None:
        """None when the batch has no answer for it. Raises what the batch raised."""
        future = self._asked.get(question)
        if future is None:
            future = self._asked[question] = asyncio.get_running_loop().create_future()
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._work())
        return await asyncio.shield(future)  # whoever stops asking does not take the answer from the others

    async def _work(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                answers = await self._answer(asked.keys())
            except Exception as error:  # noqa: BLE001 -- it belongs to those who asked
                for future in asked.values():
                    future.set_exception(error)
                    future.exception()  # seen: whoever asked may be gone
            else:
                for question, future in asked.items():
                    future.set_result(answers.get(question))

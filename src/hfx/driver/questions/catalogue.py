"""The table of questions: which class answers a run's question."""

from hfx.driver.questions.base import Question
from hfx.driver.questions.cls import ClsQuestion
from hfx.driver.run.contents import RunContent

__all__ = ["of_run"]


def of_run(run: RunContent) -> Question:  # type: ignore[type-arg]
    """The question of a run, with the options that its run.json holds."""
    return ClsQuestion.of_run(run)

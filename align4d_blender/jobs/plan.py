"""The plan of a job as the engine tells it before anything runs: which models, how much memory, what has to be fetched."""

from __future__ import annotations

import bpy

from ..capture import choices
from ..runtime import models
from ..runtime.ask import EngineReply
from ..runtime.question import Question

question = Question()


def shut_down() -> None:
    """Ends what runs."""
    if question.forget in models.on_change:
        models.on_change.remove(question.forget)
    question.shut_down()


def ask_plan(context: bpy.types.Context) -> None:
    """Asks for the plan of what is chosen now, unless it is known or needs none. Raises UserError where there is no engine."""
    wanted = choices.plan_arguments(context)
    if not wanted or question.is_about(wanted):
        return
    if question.forget not in models.on_change:
        models.on_change.append(question.forget)
    question.ask(wanted, ["plan", "--json", *wanted])


def plan(context: bpy.types.Context) -> EngineReply | None:
    """The plan of what is chosen now; None as long as it is not known. Raises UserError where there cannot be one."""
    return question.answer(choices.plan_arguments(context))


def planning(context: bpy.types.Context) -> bool:
    """Whether that plan is on its way."""
    return question.is_under_way(choices.plan_arguments(context))

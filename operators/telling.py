"""What a button says where it does nothing: Blender's own report and, where another button repairs it, the sidebar with that one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import bpy

from ..align4d_blender.errors import UserError
from ..align4d_blender.runtime import refusal
from ..align4d_blender.runtime.redraw import redraw

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_Operator = TypeVar("_Operator")
"""An operator, or what is mixed into several."""


def telling(execute: Callable[[_Operator, bpy.types.Context], set[OperatorReturnItems]]) -> Callable[..., set[OperatorReturnItems]]:
    """Makes `execute` of one that raises UserError; a button that works settles what an earlier one was refused for."""

    @functools.wraps(execute)
    def told(operator: _Operator, context: bpy.types.Context) -> set[OperatorReturnItems]:  # Blender counts these arguments
        try:
            answer = execute(operator, context)
        except UserError as error:
            return refuse(operator, error)
        refusal.last = None
        return answer

    return told


def refuse(operator: Any, error: UserError) -> set[OperatorReturnItems]:
    """Tells an error; what an operator returns then."""
    refusal.last = error if error.fix else None
    redraw()
    operator.report({"ERROR"}, str(error))
    return {"CANCELLED"}


class ALIGN4D_OT_forget_refusal(bpy.types.Operator):
    """Take this message away"""

    bl_idname = "align4d.forget_refusal"
    bl_label = "Forget Message"
    bl_options = {"INTERNAL"}

    @telling
    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        return {"FINISHED"}


CLASSES = (ALIGN4D_OT_forget_refusal,)

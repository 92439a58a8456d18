"""The form of a result, Make Keyframes and Back to Point Cache, and what cleans it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty

from ..align4d_blender.result.active_mesh import mesh_meant
from ..align4d_blender.result.playback import active
from .in_slices import InSlices
from .telling import telling

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from ..align4d_blender.capture.slices import Words


class _Keying(InSlices):
    """Makes keys of a motion, from Object Mode or from its armature's Pose Mode, where the artist is afterwards again."""

    begins = "Reading the meshes"
    _posing = False
    _item: bpy.types.Object | None = None

    def work(self, context: bpy.types.Context) -> Words[list[str]]:
        item = mesh_meant(context.active_object)
        assert item is not None  # poll has asked
        self._item, self._posing = item, context.mode == "POSE"
        if self._posing:
            bpy.ops.object.mode_set(mode="OBJECT")
        return (yield from self.keying(item))

    def keying(self, item: bpy.types.Object) -> Words[list[str]]:
        """Does it in slices. Raises UserError, and leaves nothing behind then."""
        raise NotImplementedError

    def done(self, context: bpy.types.Context, made: list[str]) -> None:
        from ..align4d_blender.result import hand

        super().done(context, made)
        rigs = hand.armatures(self._item) if self._item else []
        if not (self._posing and rigs):
            return
        for other in context.selected_objects:
            other.select_set(other == rigs[0])
        rigs[0].select_set(True)
        context.view_layer.objects.active = rigs[0]
        bpy.ops.object.mode_set(mode="POSE")


class ALIGN4D_OT_make_keyframes(_Keying, bpy.types.Operator):
    """Turn the motion into keyframes: on the mesh's own armature, whose own animation is set aside meanwhile, or on one that is made for it"""

    bl_idname = "align4d.make_keyframes"
    bl_label = "Make Keyframes"
    bl_options = {"REGISTER", "UNDO", "BLOCKING"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.result import keyframes

        if not keyframes.can_be_keyed(mesh_meant(context.active_object)):
            cls.poll_message_set("Select a mesh whose motion can become keyframes")
            return False
        return context.mode in {"OBJECT", "POSE"}

    def keying(self, item: bpy.types.Object) -> Words[list[str]]:
        from ..align4d_blender.result import keyframes

        return keyframes.making(item)


class ALIGN4D_OT_use_point_cache(bpy.types.Operator):
    """Take the keyframes away and play the point cache again; the armature does what it did before"""

    bl_idname = "align4d.use_point_cache"
    bl_label = "Back to Point Cache"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..align4d_blender.result import hand

        result = active(hand.mesh_of(context.active_object))
        return result is not None and result.form == "KEYFRAMES" and context.mode in {"OBJECT", "POSE"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..align4d_blender.result import hand, keyframes

        item = hand.mesh_of(context.active_object)
        assert item is not None  # poll has asked
        if context.mode == "POSE":
            bpy.ops.object.mode_set(mode="OBJECT")
        keyframes.unmake(item)
        context.view_layer.objects.active = item
        item.select_set(True)
        return {"FINISHED"}


class ALIGN4D_OT_clean_up(_Keying, bpy.types.Operator):
    """Make the keyframes, or the point cache, again with these choices. The motion itself stays as it was found"""

    bl_idname = "align4d.clean_up"
    bl_label = "Clean Up"
    bl_options = {"REGISTER", "UNDO", "BLOCKING"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active(mesh_meant(context.active_object)) is not None and context.mode in {"OBJECT", "POSE"}

    def keying(self, item: bpy.types.Object) -> Words[list[str]]:
        from ..align4d_blender.result import keyframes

        return keyframes.cleaning(item)


class _OfResult:
    """What the operators on an object's motion have in common: they need one, and say what is wrong as Blender does."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return active(mesh_meant(context.active_object)) is not None and context.mode in {"OBJECT", "POSE"}

    @telling
    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        item = mesh_meant(context.active_object)
        assert item is not None  # poll has asked
        self.change(item)
        return {"FINISHED"}

    def change(self, item: bpy.types.Object) -> None:
        """Does it. Raises UserError."""
        raise NotImplementedError


class ALIGN4D_OT_find_loop(_OfResult, bpy.types.Operator):
    """Let the motion end at the frame whose pose is most like the first one, as a loop. Clean Up applies it"""

    bl_idname = "align4d.find_loop"
    bl_label = "Find Loop"
    bl_options = {"REGISTER", "UNDO"}

    def change(self, item: bpy.types.Object) -> None:
        from ..align4d_blender.result import keyframes

        keyframes.find_loop(item)


class ALIGN4D_OT_find_contacts(_OfResult, bpy.types.Operator):
    """List which bones stand on the ground, and when, from the motion itself"""

    bl_idname = "align4d.find_contacts"
    bl_label = "Find Contacts"
    bl_options = {"REGISTER", "UNDO"}

    def change(self, item: bpy.types.Object) -> None:
        from ..align4d_blender.result import keyframes

        keyframes.find_standing(item)


class ALIGN4D_OT_edit_contacts(_OfResult, bpy.types.Operator):
    """Add a contact to the list, or remove the chosen one"""

    bl_idname = "align4d.edit_contacts"
    bl_label = "Edit Contacts"
    bl_options = {"REGISTER", "UNDO"}

    add: BoolProperty(name="Add", description="Whether to add one; else the chosen one is removed", default=True, options={"HIDDEN"})

    def change(self, item: bpy.types.Object) -> None:
        result = active(item)
        if self.add:
            entry = result.standing.add()
            chosen = result.standing[min(result.standing_active, len(result.standing) - 1)]
            entry.name, entry.first, entry.last = chosen.name, result.first, result.last
            result.standing_active = len(result.standing) - 1
        else:
            _remove_chosen(result, "standing")


class ALIGN4D_OT_edit_smoothed(_OfResult, bpy.types.Operator):
    """Add a bone that is smoothed by another strength than the others, or remove the chosen one"""

    bl_idname = "align4d.edit_smoothed"
    bl_label = "Edit Smoothed Bones"
    bl_options = {"REGISTER", "UNDO"}

    add: BoolProperty(name="Add", description="Whether to add one; else the chosen one is removed", default=True, options={"HIDDEN"})

    def change(self, item: bpy.types.Object) -> None:
        result = active(item)
        if self.add:
            result.smoothed.add().smooth = result.smooth
            result.smoothed_active = len(result.smoothed) - 1
        else:
            _remove_chosen(result, "smoothed")


def _remove_chosen(result: Any, name: str) -> None:
    """Takes the chosen entry off a list of a result's, if it has any."""
    entries, chosen = getattr(result, name), getattr(result, f"{name}_active")
    if entries:
        entries.remove(min(chosen, len(entries) - 1))
        setattr(result, f"{name}_active", max(chosen - 1, 0))


CLASSES = (
    ALIGN4D_OT_make_keyframes,
    ALIGN4D_OT_use_point_cache,
    ALIGN4D_OT_clean_up,
    ALIGN4D_OT_find_loop,
    ALIGN4D_OT_find_contacts,
    ALIGN4D_OT_edit_contacts,
    ALIGN4D_OT_edit_smoothed,
)

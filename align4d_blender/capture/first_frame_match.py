"""How much of the clip's first frame the mesh explains as it stands: asked of the engine, with a picture of both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ..runtime.ask import EngineReply
from ..runtime.question import Question

if TYPE_CHECKING:
    from bpy.utils.previews import ImagePreviewCollection


class _Asked(NamedTuple):
    """What was asked about: the clip, its first frame, and where it is seen from."""

    video: str
    first: int
    camera: str


question = Question()
_collection: ImagePreviewCollection | None = None
"""Of the picture of the last answer."""


def ask_about(context: bpy.types.Context) -> None:
    """Asks how mesh and first frame agree now.

    Raises:
        UserError: where there is no engine, and as for `write_standing`.
    """
    from .clip_report import clip_words
    from .standing import write_standing

    standing = Path(bpy.app.tempdir) / "align4d_standing.npz"
    write_standing(context, standing)
    clear()
    question.ask(_asked(context.scene), ["match", *clip_words(context.scene), "--mesh", str(standing), "--out", str(_picture())])


def found(scene: bpy.types.Scene) -> EngineReply | None:
    """The agreement, as of `first_frame_match.Agreement`; None as long as it is not known. Raises UserError where the clip says nothing."""
    return question.answer(_asked(scene))


def under_way(scene: bpy.types.Scene) -> bool:
    """Whether the engine is at it."""
    return question.is_under_way(_asked(scene))


def icon() -> int:
    """Of the picture of the last answer: the first frame with the mesh over it."""
    import bpy.utils.previews

    global _collection
    if _collection is None:
        _collection = bpy.utils.previews.new()
        _collection.load("first frame", str(_picture()), "IMAGE")
    return int(_collection["first frame"].icon_id)


def clear() -> None:
    """Forgets the last answer."""
    global _collection
    question.forget()
    if _collection is not None:
        import bpy.utils.previews

        bpy.utils.previews.remove(_collection)
        _collection = None


def shut_down() -> None:
    """Ends what runs."""
    question.shut_down()
    clear()


def _picture() -> Path:
    return Path(bpy.app.tempdir) / "align4d_first_frame.png"


def _asked(scene: bpy.types.Scene) -> _Asked:
    return _Asked(scene.align4d.video, scene.align4d.first, scene.align4d.camera)

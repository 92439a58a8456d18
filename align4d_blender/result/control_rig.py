"""The FK controls of a Rigify rig: which bones an artist turns to move those that deform, and the switches that let them.

Names are Rigify's: DEF- before what deforms, _fk in what turns a limb, and the property IK_FK of a limb's parent, 1 for FK
(rigify/rigs/limbs/limb_rigs.py, rigify/utils/naming.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import cast

import bpy

DEFORMS = "DEF-"
SWITCH = "IK_FK"
"""Property of a limb's parent that goes from IK, 0, to FK, 1."""
BODY = "torso"
"""The control that carries all others."""
UPON_BODY = ("neck", "head")
"""Controls that are called like no bone that deforms."""
INNER = ("DEF-", "ORG-", "MCH-", "VIS_")
"""What the names of bones begin with that nobody poses."""


def is_rigify(rig: bpy.types.Object) -> bool:
    """Whether Rigify has made an armature, with a body and limbs that it knows."""
    return bool(rig.data.get("rig_id")) and BODY in rig.pose.bones


def controls_of(rig: bpy.types.Object, deforming: Iterable[str]) -> list[str]:
    """The FK controls of the bones that deform a mesh, parents before children, the body first."""
    wanted = {BODY, *UPON_BODY}
    for name in deforming:
        wanted |= set(_candidates(name.removeprefix(DEFORMS)))
    found = [bone.name for bone in cast(bpy.types.Armature, rig.data).bones if bone.name in wanted and not bone.name.startswith(INNER)]
    return sorted(found, key=lambda name: name != BODY)


def _candidates(stem: str) -> Iterator[str]:
    """Names that the control of a deforming bone may have: thigh.L.001, a piece of a limb, is turned by thigh_fk.L."""
    piece = re.sub(r"\.\d+$", "", stem) if re.search(r"\.[LR]\.\d+$", stem) else stem
    base, end = re.fullmatch(r"(.*?)((?:\.\d+)?(?:\.[LR])?(?:\.\d+)?)", piece).groups()
    yield f"{base}_fk{end}"
    yield piece


def switches_of(rig: bpy.types.Object) -> dict[str, float]:
    """The IK/FK switches of the limbs, by the name of the bone that has each: 0 for IK, 1 for FK."""
    return {bone.name: float(bone[SWITCH]) for bone in rig.pose.bones if bone.get(SWITCH) is not None}


def switch(rig: bpy.types.Object, values: dict[str, float]) -> None:
    """Sets switches, by the name of the bone that has each."""
    for name, value in values.items():
        if name in rig.pose.bones:
            rig.pose.bones[name][SWITCH] = value
    rig.update_tag()


def switch_path(name: str) -> str:
    """The path of a bone's switch, for a curve."""
    return f'pose.bones["{bpy.utils.escape_identifier(name)}"]["{SWITCH}"]'

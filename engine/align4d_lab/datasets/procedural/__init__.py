"""Procedural objects (toy characters, animals, things) and their pictures: what the embedded multiview prior is trained on.

An object is up to 40 signed-distance primitives in smooth unions, drawn from one seed. Objects are made on the CPU and drawn by
sphere tracing on the CPU or on CUDA by the same functions, which numba compiles for either.
"""

from .articulation import make_moving_objects
from .cameras import DISTANCES, FOVY, sample_cameras
from .layout import OBJECT_FLOATS
from .objects import HELD_OUT_SEED, make_objects
from .render import render_objects

__all__ = ["DISTANCES", "FOVY", "HELD_OUT_SEED", "OBJECT_FLOATS", "make_moving_objects", "make_objects", "render_objects", "sample_cameras"]

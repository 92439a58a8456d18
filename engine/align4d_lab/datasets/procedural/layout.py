"""How one procedural object lies in memory: rows of 32 floats; row 0 is its header, every further row a primitive.

An object is stored flat, (OBJECT_FLOATS,), and used as (ROWS, ROW_FLOATS). Colors are linear. The names below are columns.
"""

from __future__ import annotations

ROW_FLOATS = 32
MAX_PRIMITIVES = 40
ROWS = 1 + MAX_PRIMITIVES
OBJECT_FLOATS = ROWS * ROW_FLOATS

# Header (row 0): how many primitives, the light, the surface.
COUNT = 0
LIGHT = 1  # unit vector towards the light, 3 columns
AMBIENT = 4  # light from everywhere
DIFFUSE = 5  # light from the direction
WRAP = 6  # 0 Lambert … 1 half-Lambert
SHADOW = 7  # > 0: the light casts shadows
OCCLUSION = 8  # strength of ambient occlusion
HEMISPHERE = 9  # by how much the ambient light darkens towards the ground
COLOR_BLEND = 10  # distance over which the colors of touching primitives mix
SPECULAR = 11  # strength of the highlight
MOTTLE = 12  # amplitude of the noise over every color
FACETS = 13  # > 0: normals are rounded to this many steps, as on a low-poly mesh
MELT = 14  # blend of primitives added next (generation only)
BALL = 15  # radius of a ball about the origin that holds the object

# Primitive: shape, pose, paint.
KIND = 0
CENTER = 1  # 3 columns
ROTATION = 4  # 3x3, its rows are the primitive's axes in the world
SIZE = 13  # 3 columns, see the kinds
ROUNDING = 16  # radius of the edges of boxes and cylinders; of a dome: where it is cut, in parts of its height
BLEND = 17  # width of the smooth union with the primitives before it
COLOR = 18  # 3 columns
SECOND = 21  # 3 columns, the pattern's other color
PATTERN = 24
FREQUENCY = 25
DIRECTION = 26  # the pattern's axis in the primitive's frame, 3 columns
PHASE = 29
REACH = 30  # radius of the bounding sphere about CENTER

# Kinds, with their SIZE.
ELLIPSOID = 0  # semi-axes
BOX = 1  # half extents
ROUND_CONE = 2  # radius at CENTER, radius at the other end, distance of the ends along the local z
TORUS = 3  # radius of the ring (about z), radius of the tube
CYLINDER = 4  # radius, unused, half height along z
FRUSTUM = 5  # radius below, radius above, half height along z
DOME = 6  # semi-axes of an ellipsoid; only its part with z > ROUNDING * semi-axis z is there

# Patterns: how much of SECOND is mixed into COLOR; u is the coordinate along DIRECTION.
SOLID = 0
STRIPES = 1
CHECKS = 2
SPOTS = 3
NOISE = 4
SPLIT = 5  # SECOND where u / REACH > PHASE; FREQUENCY is the sharpness of the edge
SLOT = 6  # SECOND in a visor: front (-y), as high as PHASE says; FREQUENCY > 0 adds the vertical part of a T
BAND = 7  # SECOND where |u / REACH - PHASE| < FREQUENCY

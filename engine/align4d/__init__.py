"""Align4D's engine: animates 3D Gaussians bound to an artist's mesh so that they agree with a reference video.

Importing the package itself is free of heavy imports, because Blender imports `protocol` through it.
"""

__version__ = "0.1.0"

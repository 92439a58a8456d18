"""From motion in the engine's space back to the artist's own vertices."""

from align4d.bake.binding import Binding, bind_points
from align4d.bake.gaussians import GaussianSequence
from align4d.bake.result import write_result

__all__ = ["Binding", "GaussianSequence", "bind_points", "write_result"]

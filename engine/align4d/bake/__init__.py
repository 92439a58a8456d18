"""From motion in the engine's space back to the artist's own vertices."""

from .binding import Binding, bind_points
from .gaussians import GaussianSequence
from .result import write_result

__all__ = ["Binding", "GaussianSequence", "bind_points", "write_result"]

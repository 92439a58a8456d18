"""How a mesh can move: rigid parts on a skeleton, and the deformation field."""

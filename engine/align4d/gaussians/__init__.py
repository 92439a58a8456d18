"""3D Gaussians: bound to a mesh, and what they need."""

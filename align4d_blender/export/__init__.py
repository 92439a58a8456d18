"""Motion and Gaussians as files of other programs."""

"""Depth from a learned motion prior: from tracks in the picture and the shape at rest to motion along the line of sight."""

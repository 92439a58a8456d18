"""Alignment: of the camera with the video, and of the motion with the video."""

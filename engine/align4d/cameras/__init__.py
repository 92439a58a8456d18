"""Cameras on an orbit around the object."""

"""Gaussians on the timeline: their files, their node groups and materials, the object that plays a sequence."""

"""Generative models that make the pair of video and 3D asset out of less: one file each, behind the classes of `interfaces`."""

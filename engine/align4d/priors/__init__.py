"""Multiview diffusion priors: what an object looks like from where no camera stood."""

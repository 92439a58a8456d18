"""Data that networks are trained on."""

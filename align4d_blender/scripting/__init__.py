"""Align4D without a window: a function for scripts, and a command for farms."""

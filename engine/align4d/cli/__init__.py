"""The engine's door for a terminal."""

"""Scene -> request: what the artist chose, and what of the scene the engine is given."""

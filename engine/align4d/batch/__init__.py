"""Many jobs: what is to be made, where it is done, and what came of it."""

"""A job's folder: how it is made, locked, checkpointed and reported on."""

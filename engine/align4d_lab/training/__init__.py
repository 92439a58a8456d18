"""Trains the embedded prior on procedural objects; users of the product never need it."""

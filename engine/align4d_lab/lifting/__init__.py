"""Makes the motion prior: animated creatures, a generator of clips as a tracker sees them, training and evaluation."""

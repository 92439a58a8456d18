"""What makes and judges the engine, and is not in an artist's zip: datasets, training, metrics, evaluation, tables."""

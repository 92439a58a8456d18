"""Seeded damage to small files of every kind that the product reads: what each reader makes of it, without a crash or a step outside."""

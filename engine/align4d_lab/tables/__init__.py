"""`align4d table`: methods x cases x seeds, and the paper's tables of them (docs/reference/evaluation.md)."""

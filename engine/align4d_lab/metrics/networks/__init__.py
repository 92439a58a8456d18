"""The networks behind the perceptual figures; their weights come from a folder on this machine (docs/reference/evaluation.md)."""

"""The networks behind the perceptual figures. Their weights come from a folder on this machine (docs/evaluation.md), never from elsewhere."""

"""What the multiview prior knows."""

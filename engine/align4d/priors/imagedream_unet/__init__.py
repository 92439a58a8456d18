"""ImageDream's multi-view U-Net; its parameters have the names and shapes of the published weights."""

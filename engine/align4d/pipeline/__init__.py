"""The whole story, a page for each method: the artist preset, the paper, and what they share."""

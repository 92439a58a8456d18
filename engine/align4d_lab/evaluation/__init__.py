"""`align4d evaluate`: a 4D result judged against reference pictures, a video, or the true motion (docs/reference/evaluation.md)."""

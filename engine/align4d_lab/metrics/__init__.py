"""How a result is judged against the true motion, see docs/developers/quality.md."""

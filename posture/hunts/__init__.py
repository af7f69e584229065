"""Questions that the logs raise: leads, never verdicts."""

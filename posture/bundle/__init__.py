"""One signed, portable package of a run."""

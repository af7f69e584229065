"""Saved runs and what changed between them."""

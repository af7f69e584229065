"""What a change would break in this tenant, computed from its own data."""

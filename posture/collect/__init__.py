"""Read a tenant, one file per Graph source."""

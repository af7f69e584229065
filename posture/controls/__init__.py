"""The control catalogue: one file per area; the catalogue walks the package."""

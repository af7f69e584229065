"""What was read from a tenant: types, shapes, the folder format, and pure derived facts."""

"""A local Graph that serves a sample tenant or recorded evidence."""

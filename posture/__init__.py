"""posture: a read-only guest-access auditor for Microsoft Entra."""

__version__ = "0.1.0"
CATALOGUE_VERSION = "1.0"
"""Version of rules, weights and parameters. Reports compare only under one version."""

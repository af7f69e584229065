"""The mitigation plan: requests, scripts, impact, order and roll-back."""

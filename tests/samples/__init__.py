"""Tests of the sample tenants, and the script that makes them."""

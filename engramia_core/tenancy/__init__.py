"""Tenants and their projects: which there are, making one known, and deleting one with all that is its."""

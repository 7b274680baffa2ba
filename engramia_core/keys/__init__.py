"""Access keys: secrets, roles, and who may come in."""

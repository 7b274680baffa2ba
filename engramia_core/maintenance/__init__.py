"""Keeping an installation well: what the doctor looks at."""

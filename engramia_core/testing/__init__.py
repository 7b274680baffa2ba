"""Fakes, and the contracts that every implementation must pass."""

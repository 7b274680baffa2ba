"""Models that turn texts into vectors: a scheme, and the provider that serves it."""

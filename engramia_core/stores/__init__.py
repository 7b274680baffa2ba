"""Where patterns are kept: a scheme, and the store that serves it."""

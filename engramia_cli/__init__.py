"""Engramia's edges: the command line, and the HTTP API that it starts."""

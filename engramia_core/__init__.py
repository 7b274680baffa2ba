"""Engramia's core: knows no terminal and no HTTP."""

"""The statements that every SQL database shares."""

"""The tables, written once, and how a database gets and keeps them."""

"""Moving a database from one revision to another without taking down what uses it."""

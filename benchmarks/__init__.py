"""Benchmarks of the product; each file is a command that prints its figures."""

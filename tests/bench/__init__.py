"""Benchmarks. They are no tests: nothing here is collected, nothing here decides whether a change may land."""

"""Executions, workers, runs."""

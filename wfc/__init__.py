"""Durable workflows in plain async Python."""

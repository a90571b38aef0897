"""Billing: one durable run per invoice, proved by killing the worker in the middle of steps."""

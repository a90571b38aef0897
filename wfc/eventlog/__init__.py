"""The truth: events, their bytes, and what they add up to."""

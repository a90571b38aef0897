"""The sources of the dashboard, and what builds them."""

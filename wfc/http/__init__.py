"""What speaks HTTP: requests become values at this edge, and answers become responses."""

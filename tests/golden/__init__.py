"""What released versions wrote, and every later one must read or repeat."""

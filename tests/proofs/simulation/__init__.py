"""A deterministic simulation: whole workers, a client and a world on one seeded loop, with faults.

Nothing here waits for real time, starts a thread or reads the machine's clock or randomness, so a
scenario always goes the same way, and one that fails can be repeated, made smaller and kept.
"""

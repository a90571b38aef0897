"""The long proofs: crashes, fences, simulation, chaos, faults of storage, hostile bytes, many runs.

Each has a small dose in the default suite and a full one by one command; what the full dose found
is recorded (see `record`) and printed as `docs/reliability.md`.
"""

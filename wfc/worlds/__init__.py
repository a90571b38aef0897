"""Where runs live: log, queue, leases and versions behind one protocol."""

"""Real processes, real SIGKILL."""

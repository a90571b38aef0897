"""PostgreSQL stopped and workers killed while runs, hooks, streams and queues go on."""

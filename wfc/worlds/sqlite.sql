-- The tables of a SQLite world. Each numbered part runs once, in one transaction, and only adds.
-- `meta.schema` is the last part that ran; `meta.min_reader` is the oldest schema whose code may
-- still work on this file.

-- migration 1
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `due_at` is when the run needs a worker: NULL while it is owned, waits for the outside or is over.
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    fence INTEGER NOT NULL,
    length INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    owner TEXT,
    ended_at INTEGER,
    losses INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    attempt_fence INTEGER NOT NULL,
    status TEXT NOT NULL,
    workflow TEXT NOT NULL,
    version TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    chapter INTEGER NOT NULL,
    queue TEXT,
    queue_key TEXT,
    priority INTEGER NOT NULL,
    not_before INTEGER,
    wake_at INTEGER,
    due_at INTEGER,
    paused INTEGER NOT NULL,
    blocked TEXT,
    cancel_requested INTEGER NOT NULL,
    cancel_reason TEXT,
    failure_kind TEXT,
    parent_id TEXT,
    root_id TEXT,
    arguments_digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_created ON runs (created_at);
CREATE INDEX runs_status ON runs (status, created_at);
CREATE INDEX runs_workflow ON runs (workflow, created_at);
CREATE INDEX runs_owner ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_parent ON runs (parent_id) WHERE parent_id IS NOT NULL;

-- `blobs` names the payload fields that were too large for the body, and where they are.
CREATE TABLE events (
    run_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    code INTEGER NOT NULL,
    body BLOB NOT NULL,
    dedupe TEXT,
    blobs TEXT,
    PRIMARY KEY (run_id, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX events_dedupe ON events (run_id, dedupe) WHERE dedupe IS NOT NULL;

CREATE TABLE blobs (
    run_id TEXT NOT NULL,
    digest BLOB NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (run_id, digest)
) STRICT;

CREATE TABLE hooks (
    run_id TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    hook_id TEXT NOT NULL,
    token_digest BLOB NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (run_id, operation_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX hooks_token ON hooks (token_digest) WHERE status = 'active';

CREATE TABLE attributes (
    run_id TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX attributes_value ON attributes (key, value);

CREATE TABLE attempts (
    run_id TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    fence INTEGER NOT NULL,
    worker_id TEXT,
    not_before INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    unwanted INTEGER NOT NULL,
    PRIMARY KEY (run_id, operation_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_worker ON attempts (worker_id);

-- A receipt is never given out twice, or the receipt of a removed message could forget a new one.
CREATE TABLE messages (
    receipt INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    run_id TEXT NOT NULL,
    name TEXT NOT NULL,
    due INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    worker_id TEXT
) STRICT;
CREATE INDEX messages_waiting ON messages (priority, due) WHERE worker_id IS NULL;
CREATE INDEX messages_taken ON messages (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX messages_run ON messages (run_id, kind, name);

CREATE TABLE workers (
    worker_id TEXT PRIMARY KEY,
    lease_until INTEGER NOT NULL,
    queues TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bundles (
    number INTEGER PRIMARY KEY,
    version TEXT NOT NULL UNIQUE,
    archive BLOB NOT NULL,
    label TEXT,
    registered_at INTEGER NOT NULL,
    active INTEGER NOT NULL
) STRICT;

-- migration 2
-- How long the log was when an owner last released the run.
ALTER TABLE runs ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;

-- migration 3
-- Where a queued step stands, as `wfc.eventlog.standing` writes it; NULL: ask the log.
ALTER TABLE attempts ADD COLUMN standing INTEGER;
-- The ends of waits that come from outside look up where the wait stands. Upgrades take waits back.
CREATE INDEX events_waits ON events (run_id, code) WHERE code IN (7, 30, 31);

-- migration 4
ALTER TABLE bundles ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
UPDATE bundles SET size = length(archive);
-- What each workflow of the version means, as JSON; NULL: who registered it did not say.
ALTER TABLE bundles ADD COLUMN fingerprints TEXT;
-- Lists are read from this index alone: a column behind an archive is found only by reading that.
CREATE INDEX bundles_listed
    ON bundles (version, registered_at, label, active, size, fingerprints);
CREATE TABLE environments (
    version TEXT NOT NULL,
    python TEXT NOT NULL,
    wfc TEXT NOT NULL,
    platform TEXT NOT NULL,
    PRIMARY KEY (version, python, wfc, platform)
) STRICT, WITHOUT ROWID;
-- Versions that were forgotten: no run may come to depend on one of them.
CREATE TABLE pruned (version TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

-- migration 5
-- What a hook is stands in the event at `position`; its token is kept as a digest here.
ALTER TABLE hooks ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hooks ADD COLUMN kind TEXT NOT NULL DEFAULT 'hook';
ALTER TABLE hooks ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hooks ADD COLUMN received INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hooks ADD COLUMN retention_us INTEGER;
ALTER TABLE hooks ADD COLUMN disposed_at INTEGER;
ALTER TABLE hooks ADD COLUMN reserved_until INTEGER;
CREATE INDEX hooks_holders ON hooks (token_digest);
CREATE INDEX hooks_ids ON hooks (hook_id);
CREATE INDEX hooks_created ON hooks (created_at);

-- migration 6
-- The children of whose end a run has still to hear, by the operation that waits for it.
CREATE TABLE children (
    run_id TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    child_id TEXT NOT NULL,
    PRIMARY KEY (run_id, operation_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX children_child ON children (child_id);
-- The position of the event that began the run's present chapter; no earlier release restarts.
ALTER TABLE runs ADD COLUMN chapter_at INTEGER NOT NULL DEFAULT 1;

-- migration 7
-- How long the run is kept after its end; NULL: as the settings say.
ALTER TABLE runs ADD COLUMN retention_us INTEGER;
-- Two indexes, since what the settings say is known only when somebody collects.
CREATE INDEX runs_ended ON runs (ended_at)
    WHERE ended_at IS NOT NULL AND retention_us IS NULL;
CREATE INDEX runs_expiring ON runs (ended_at + retention_us)
    WHERE ended_at IS NOT NULL AND retention_us IS NOT NULL;

-- migration 8
-- A stream of a run: how many chunks it has (the next index), and how many bytes they are.
-- `closed` is 1 if a step closed it (`closed_by`), 2 if the run's end did. `sealed_under` names the
-- key of the epilogue.
CREATE TABLE streams (
    stream INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    namespace TEXT NOT NULL,
    length INTEGER NOT NULL,
    size INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    closed_by TEXT,
    created_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    epilogue BLOB,
    sealed_under TEXT,
    UNIQUE (run_id, namespace)
) STRICT;
-- `at` is how many bytes of the stream stand before the chunk: a page ends by it.
CREATE TABLE chunks (
    stream INTEGER NOT NULL,
    number INTEGER NOT NULL,
    form INTEGER NOT NULL,
    at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    operation_id TEXT,
    attempt INTEGER NOT NULL,
    writer TEXT,
    key TEXT,
    sealed_under TEXT,
    body BLOB NOT NULL,
    PRIMARY KEY (stream, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX chunks_key ON chunks (stream, key) WHERE key IS NOT NULL;
-- Which steps have written to a stream, and from which index on.
CREATE TABLE stream_writers (
    run_id TEXT NOT NULL,
    namespace TEXT NOT NULL,
    writer TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    from_number INTEGER NOT NULL,
    PRIMARY KEY (run_id, namespace, writer, operation_id)
) STRICT, WITHOUT ROWID;

-- migration 9
-- `facts` is the rest of the row as JSON; `next_at` is NULL while nothing is going to fire.
CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    next_at INTEGER,
    waiting INTEGER NOT NULL,
    facts TEXT NOT NULL,
    arguments BLOB NOT NULL,
    key_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_waiting ON schedules (waiting) WHERE waiting > 0;
-- The open runs of schedules, by id; no id holds a '~'.
CREATE INDEX runs_scheduled ON runs (run_id)
    WHERE ended_at IS NULL AND run_id >= 'schedule:' AND run_id < 'schedule:~';
-- Who wants to hear of ends, and each end that somebody is to hear of.
CREATE TABLE callbacks (
    name TEXT PRIMARY KEY,
    workflow TEXT,
    status TEXT,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE deliveries (
    run_id TEXT NOT NULL,
    callback TEXT NOT NULL,
    position INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    due INTEGER NOT NULL,
    worker_id TEXT,
    changed_at INTEGER NOT NULL,
    error BLOB,
    key_id TEXT,
    PRIMARY KEY (run_id, callback)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (callback, due)
    WHERE status = 'pending' AND worker_id IS NULL;
CREATE INDEX deliveries_worker ON deliveries (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX deliveries_status ON deliveries (status, changed_at);
-- Facts about no single run.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT,
    channel TEXT NOT NULL,
    action TEXT NOT NULL,
    details TEXT NOT NULL
) STRICT;
CREATE INDEX audit_at ON audit (at);
-- The instant from which an open run is late; NULL: it has no goal.
ALTER TABLE runs ADD COLUMN late_at INTEGER;
CREATE INDEX runs_late ON runs (late_at) WHERE late_at IS NOT NULL AND ended_at IS NULL;

-- migration 10
-- What limits how much goes at once: `active` says that a suspended run keeps no slot.
CREATE TABLE limits (
    name TEXT PRIMARY KEY,
    concurrency INTEGER,
    rate_count INTEGER,
    rate_us INTEGER,
    active INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Who wants to pass which gate (a limit and a key); `operation_id` is empty for a run itself.
-- `state`: 0 wants nothing yet, 1 waits, 2 holds a slot.
CREATE TABLE slots (
    number INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    limit_name TEXT NOT NULL,
    key TEXT NOT NULL,
    state INTEGER NOT NULL,
    paid INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    since INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX slots_claimants ON slots (run_id, operation_id, limit_name);
CREATE INDEX slots_gates ON slots (limit_name, key, state, paid, rank, since, number);
CREATE TABLE rates (
    limit_name TEXT NOT NULL,
    key TEXT NOT NULL,
    spent_until INTEGER NOT NULL,
    PRIMARY KEY (limit_name, key)
) STRICT, WITHOUT ROWID;
-- Whether rows of `slots` say when this may be taken; most runs and steps have none.
ALTER TABLE runs ADD COLUMN gated INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN gated INTEGER NOT NULL DEFAULT 0;
-- Which workers may take the step; NULL: any.
ALTER TABLE attempts ADD COLUMN queue TEXT;
ALTER TABLE messages ADD COLUMN queue TEXT;

-- migration 11
-- Blocked runs are counted, and are few.
CREATE INDEX runs_blocked ON runs (run_id) WHERE blocked IS NOT NULL;

-- migration 12
-- Open runs are listed without a look at those that ended, which are many times as many.
CREATE INDEX runs_open ON runs (created_at, run_id) WHERE ended_at IS NULL;

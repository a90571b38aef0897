-- The tables of a PostgreSQL world, in the schema `wfc`. Each numbered part runs once, all of them in
-- one transaction, and only adds: two releases may work side by side. `meta.schema` is the last part
-- that ran; `meta.min_reader` is the oldest schema whose code may still work here.
-- The columns of each table stand in the order of sqlite.sql, for which the statements are written.
-- Text is compared byte by byte, as everywhere else in wfc.

-- migration 1
CREATE TABLE meta (
    key text COLLATE "C" PRIMARY KEY,
    value text COLLATE "C" NOT NULL
);

-- `due_at` is when the run needs a worker: NULL while it is owned, waits for the outside or is over.
-- `heard` is how long the log was when an owner last released the run, `chapter_at` the position of
-- the event that began its present chapter, `retention_us` how long it is kept after its end.
CREATE TABLE runs (
    run_id text COLLATE "C" PRIMARY KEY,
    fence bigint NOT NULL,
    length bigint NOT NULL,
    recorded_at bigint NOT NULL,
    owner text COLLATE "C",
    ended_at bigint,
    losses bigint NOT NULL,
    lost bigint NOT NULL,
    attempt_fence bigint NOT NULL,
    status text COLLATE "C" NOT NULL,
    workflow text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    fingerprint text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    started_at bigint,
    chapter bigint NOT NULL,
    queue text COLLATE "C",
    queue_key text COLLATE "C",
    priority bigint NOT NULL,
    not_before bigint,
    wake_at bigint,
    due_at bigint,
    paused bigint NOT NULL,
    blocked text COLLATE "C",
    cancel_requested bigint NOT NULL,
    cancel_reason text COLLATE "C",
    failure_kind text COLLATE "C",
    parent_id text COLLATE "C",
    root_id text COLLATE "C",
    arguments_digest bytea NOT NULL,
    heard bigint NOT NULL DEFAULT 0,
    chapter_at bigint NOT NULL DEFAULT 1,
    retention_us bigint
) WITH (fillfactor = 80);
CREATE INDEX runs_created ON runs (created_at, run_id);
CREATE INDEX runs_status ON runs (status, created_at);
CREATE INDEX runs_workflow ON runs (workflow, created_at);
CREATE INDEX runs_owner ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_due ON runs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX runs_parent ON runs (parent_id) WHERE parent_id IS NOT NULL;
-- Two indexes, since what the settings say is known only when somebody collects.
CREATE INDEX runs_ended ON runs (ended_at)
    WHERE ended_at IS NOT NULL AND retention_us IS NULL;
CREATE INDEX runs_expiring ON runs ((ended_at + retention_us))
    WHERE ended_at IS NOT NULL AND retention_us IS NOT NULL;

-- `blobs` names the payload fields that were too large for the body, and where they are.
CREATE TABLE events (
    run_id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    code bigint NOT NULL,
    body bytea NOT NULL,
    dedupe text COLLATE "C",
    blobs text COLLATE "C",
    PRIMARY KEY (run_id, position)
);
CREATE UNIQUE INDEX events_dedupe ON events (run_id, dedupe) WHERE dedupe IS NOT NULL;
-- The ends of waits that come from outside look up where the wait stands. Upgrades take waits back.
CREATE INDEX events_waits ON events (run_id, code) WHERE code IN (7, 30, 31);

CREATE TABLE blobs (
    run_id text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (run_id, digest)
);
-- Payloads are compressed before they come here.
ALTER TABLE events ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE blobs ALTER COLUMN body SET STORAGE EXTERNAL;

-- What a hook is stands in the event at `position`; its token is kept as a digest here.
CREATE TABLE hooks (
    run_id text COLLATE "C" NOT NULL,
    operation_id text COLLATE "C" NOT NULL,
    hook_id text COLLATE "C" NOT NULL,
    token_digest bytea NOT NULL,
    status text COLLATE "C" NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    kind text COLLATE "C" NOT NULL DEFAULT 'hook',
    created_at bigint NOT NULL DEFAULT 0,
    received bigint NOT NULL DEFAULT 0,
    retention_us bigint,
    disposed_at bigint,
    reserved_until bigint,
    PRIMARY KEY (run_id, operation_id)
);
CREATE UNIQUE INDEX hooks_token ON hooks (token_digest) WHERE status = 'active';
CREATE INDEX hooks_holders ON hooks (token_digest);
CREATE INDEX hooks_ids ON hooks (hook_id);
CREATE INDEX hooks_created ON hooks (created_at);

CREATE TABLE attributes (
    run_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, key)
);
-- By hash, since values may be longer than a row of a tree.
CREATE INDEX attributes_value ON attributes USING hash (value);

-- `standing` is where a queued step stands; NULL: ask the log.
CREATE TABLE attempts (
    run_id text COLLATE "C" NOT NULL,
    operation_id text COLLATE "C" NOT NULL,
    fence bigint NOT NULL,
    worker_id text COLLATE "C",
    not_before bigint NOT NULL,
    priority bigint NOT NULL,
    lost bigint NOT NULL,
    unwanted bigint NOT NULL,
    standing bigint,
    PRIMARY KEY (run_id, operation_id)
);
CREATE INDEX attempts_worker ON attempts (worker_id);

CREATE TABLE messages (
    receipt bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    run_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    due bigint NOT NULL,
    priority bigint NOT NULL,
    worker_id text COLLATE "C"
);
CREATE INDEX messages_waiting ON messages (priority, due) WHERE worker_id IS NULL;
CREATE INDEX messages_taken ON messages (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX messages_run ON messages (run_id, kind, name);

CREATE TABLE workers (
    worker_id text COLLATE "C" PRIMARY KEY,
    lease_until bigint NOT NULL,
    queues text COLLATE "C" NOT NULL
);

-- `fingerprints`: what each workflow of the version means, as JSON; NULL: who registered it did not
-- say.
CREATE TABLE bundles (
    number bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    version text COLLATE "C" NOT NULL UNIQUE,
    archive bytea NOT NULL,
    label text COLLATE "C",
    registered_at bigint NOT NULL,
    active bigint NOT NULL,
    size bigint NOT NULL DEFAULT 0,
    fingerprints text COLLATE "C"
);
ALTER TABLE bundles ALTER COLUMN archive SET STORAGE EXTERNAL;
CREATE TABLE environments (
    version text COLLATE "C" NOT NULL,
    python text COLLATE "C" NOT NULL,
    wfc text COLLATE "C" NOT NULL,
    platform text COLLATE "C" NOT NULL,
    PRIMARY KEY (version, python, wfc, platform)
);
-- Versions that were forgotten: no run may come to depend on one of them.
CREATE TABLE pruned (version text COLLATE "C" PRIMARY KEY);

-- The children of whose end a run has still to hear, by the operation that waits for it.
CREATE TABLE children (
    run_id text COLLATE "C" NOT NULL,
    operation_id text COLLATE "C" NOT NULL,
    child_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, operation_id)
);
CREATE INDEX children_child ON children (child_id);

-- The last transaction of each connection that writes, so that one which lost its connection while
-- it committed can ask whether it did.
CREATE TABLE lanes (
    lane_id text COLLATE "C" PRIMARY KEY,
    token text COLLATE "C" NOT NULL,
    at bigint NOT NULL
) WITH (fillfactor = 50);

-- Each transaction that has news takes a number: who misses a notification sees it by the number.
CREATE SEQUENCE news CACHE 1;

-- What SQLite calls so.
CREATE FUNCTION max(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT CASE WHEN $1 IS NULL OR $2 IS NULL THEN NULL ELSE greatest($1, $2) END';
CREATE FUNCTION instr(text, text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT strpos($1, $2)';
CREATE FUNCTION instr(bytea, bytea) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT position($2 IN $1)';

-- migration 2
-- A stream of a run: how many chunks it has (the next index), and how many bytes they are.
-- `closed` is 1 if a step closed it (`closed_by`), 2 if the run's end did. `sealed_under` names the
-- key of the epilogue.
CREATE TABLE streams (
    stream bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    run_id text COLLATE "C" NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    length bigint NOT NULL,
    size bigint NOT NULL,
    closed bigint NOT NULL,
    closed_by text COLLATE "C",
    created_at bigint NOT NULL,
    recorded_at bigint NOT NULL,
    epilogue bytea,
    sealed_under text COLLATE "C",
    UNIQUE (run_id, namespace)
) WITH (fillfactor = 80);
-- `at` is how many bytes of the stream stand before the chunk: a page ends by it.
CREATE TABLE chunks (
    stream bigint NOT NULL,
    number bigint NOT NULL,
    form bigint NOT NULL,
    at bigint NOT NULL,
    recorded_at bigint NOT NULL,
    operation_id text COLLATE "C",
    attempt bigint NOT NULL,
    writer text COLLATE "C",
    key text COLLATE "C",
    sealed_under text COLLATE "C",
    body bytea NOT NULL,
    PRIMARY KEY (stream, number)
);
CREATE UNIQUE INDEX chunks_key ON chunks (stream, key) WHERE key IS NOT NULL;
-- Which steps have written to a stream, and from which index on.
CREATE TABLE stream_writers (
    run_id text COLLATE "C" NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    writer text COLLATE "C" NOT NULL,
    operation_id text COLLATE "C" NOT NULL,
    from_number bigint NOT NULL,
    PRIMARY KEY (run_id, namespace, writer, operation_id)
);

-- migration 3
-- `facts` is the rest of the row as JSON; `next_at` is NULL while nothing is going to fire.
CREATE TABLE schedules (
    name text COLLATE "C" PRIMARY KEY,
    revision bigint NOT NULL,
    next_at bigint,
    waiting bigint NOT NULL,
    facts text COLLATE "C" NOT NULL,
    arguments bytea NOT NULL,
    key_id text COLLATE "C"
);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedules_waiting ON schedules (waiting) WHERE waiting > 0;
-- The open runs of schedules, by id; no id holds a '~'.
CREATE INDEX runs_scheduled ON runs (run_id)
    WHERE ended_at IS NULL AND run_id >= 'schedule:' AND run_id < 'schedule:~';
-- Who wants to hear of ends, and each end that somebody is to hear of.
CREATE TABLE callbacks (
    name text COLLATE "C" PRIMARY KEY,
    workflow text COLLATE "C",
    status text COLLATE "C",
    seen_at bigint NOT NULL
);
CREATE TABLE deliveries (
    run_id text COLLATE "C" NOT NULL,
    callback text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    status text COLLATE "C" NOT NULL,
    attempts bigint NOT NULL,
    due bigint NOT NULL,
    worker_id text COLLATE "C",
    changed_at bigint NOT NULL,
    error bytea,
    key_id text COLLATE "C",
    PRIMARY KEY (run_id, callback)
);
CREATE INDEX deliveries_due ON deliveries (callback, due)
    WHERE status = 'pending' AND worker_id IS NULL;
CREATE INDEX deliveries_worker ON deliveries (worker_id) WHERE worker_id IS NOT NULL;
CREATE INDEX deliveries_status ON deliveries (status, changed_at);
-- Facts about no single run.
CREATE TABLE audit (
    number bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    actor text COLLATE "C",
    channel text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    details text COLLATE "C" NOT NULL
);
CREATE INDEX audit_at ON audit (at);
-- The instant from which an open run is late; NULL: it has no goal.
ALTER TABLE runs ADD COLUMN late_at bigint;
CREATE INDEX runs_late ON runs (late_at) WHERE late_at IS NOT NULL AND ended_at IS NULL;

-- migration 4
-- What limits how much goes at once: `active` says that a suspended run keeps no slot.
CREATE TABLE limits (
    name text COLLATE "C" PRIMARY KEY,
    concurrency bigint,
    rate_count bigint,
    rate_us bigint,
    active bigint NOT NULL
);
-- Who wants to pass which gate (a limit and a key); `operation_id` is empty for a run itself.
-- `state`: 0 wants nothing yet, 1 waits, 2 holds a slot.
CREATE TABLE slots (
    number bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    run_id text COLLATE "C" NOT NULL,
    operation_id text COLLATE "C" NOT NULL,
    limit_name text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    state bigint NOT NULL,
    paid bigint NOT NULL,
    rank bigint NOT NULL,
    since bigint NOT NULL
);
CREATE UNIQUE INDEX slots_claimants ON slots (run_id, operation_id, limit_name);
CREATE INDEX slots_gates ON slots (limit_name, key, state, paid, rank, since, number);
CREATE TABLE rates (
    limit_name text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    spent_until bigint NOT NULL,
    PRIMARY KEY (limit_name, key)
);
-- Whether rows of `slots` say when this may be taken; most runs and steps have none.
ALTER TABLE runs ADD COLUMN gated bigint NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN gated bigint NOT NULL DEFAULT 0;
-- Which workers may take the step; NULL: any.
ALTER TABLE attempts ADD COLUMN queue text COLLATE "C";
ALTER TABLE messages ADD COLUMN queue text COLLATE "C";
-- What SQLite calls so, of an array of texts.
CREATE FUNCTION json_each(text) RETURNS TABLE (value text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS 'SELECT value FROM json_array_elements_text($1::json)';

-- migration 5
-- Blocked runs are counted, and are few.
CREATE INDEX runs_blocked ON runs (run_id) WHERE blocked IS NOT NULL;

-- migration 6
-- Open runs are listed without a look at those that ended, which are many times as many.
CREATE INDEX runs_open ON runs (created_at, run_id) WHERE ended_at IS NULL;

-- The tables and functions of coalescer-postgres. They may be made again: tables that are there stay as they are.
--
-- The role that runs this needs CREATE on the database. The role of a service needs no more than:
--
--   GRANT USAGE ON SCHEMA {schema} TO service;
--   GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.coalescer_key, {schema}.coalescer_result TO service;
--   GRANT USAGE ON SEQUENCE {schema}.coalescer_flight TO service;
--
-- A flight is a number. Its leader holds the advisory lock of that number, in its session, while the function runs.
-- Times are microseconds since 1970. The functions need READ COMMITTED: each statement in them sees what has been
-- committed before it.

BEGIN;

-- One at a time, or two of them make the same thing.
SELECT pg_advisory_xact_lock({locks});

DO $do$
BEGIN
    -- IF NOT EXISTS would ask for the right to make it also where it is there.
    IF to_regnamespace('{schema}') IS NULL THEN
        CREATE SCHEMA {schema};
    END IF;
END
$do$;

CREATE SEQUENCE IF NOT EXISTS {schema}.coalescer_flight MAXVALUE 281474976710655 NO CYCLE;

-- A key and its flight. A name has a row as well, for its floor.
CREATE UNLOGGED TABLE IF NOT EXISTS {schema}.coalescer_key (
    key bytea PRIMARY KEY,
    -- The running flight, or the last one. Null: none.
    flight bigint,
    -- The begin of that flight, and of its execution, which is another one if a leader has died.
    began bigint NOT NULL,
    led bigint NOT NULL,
    -- Flights up to this number are forgotten.
    floor bigint NOT NULL DEFAULT 0,
    -- Flights that a younger one has superseded, and that may still run.
    beside bigint[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

-- The end of a flight. A flight without one runs, if its lock is taken. If not, its leader has died.
CREATE UNLOGGED TABLE IF NOT EXISTS {schema}.coalescer_result (
    key bytea,
    flight bigint,
    -- The end of the window if the outcome is kept; the end of the flight if not.
    until bigint NOT NULL,
    kept boolean NOT NULL,
    -- 0: an outcome; 1: ask again; 2: run your own; 3: a panic, with its text.
    kind smallint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (key, flight)
) WITH (fillfactor = 50);

CREATE INDEX IF NOT EXISTS coalescer_result_until ON {schema}.coalescer_result (until);

CREATE OR REPLACE FUNCTION {schema}.clock() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- Says if nobody leads that flight. The lock is let go at once: somebody may wait for it.
CREATE OR REPLACE FUNCTION {schema}.is_free(number bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF pg_try_advisory_lock_shared({locks} + number) THEN
        PERFORM pg_advisory_unlock_shared({locks} + number);
        RETURN true;
    END IF;
    RETURN false;
END
$$;

-- A new number, whose lock this session has.
CREATE OR REPLACE FUNCTION {schema}.new_flight() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    number bigint;
BEGIN
    LOOP
        number := nextval('{schema}.coalescer_flight');
        EXIT WHEN pg_try_advisory_lock({locks} + number);
    END LOOP;
    RETURN number;
END
$$;

-- The flights up to this number are forgotten, of this key or of all keys of its name.
CREATE OR REPLACE FUNCTION {schema}.floor_of(key_floor bigint, n bytea) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT greatest(key_floor, (SELECT named.floor FROM {schema}.coalescer_key named WHERE named.key = n), 0)
$$;

-- Answers: 0 hit, 1 lead, 2 follow, 3 wait, 4 full, 5 busy.
CREATE OR REPLACE FUNCTION {schema}.claim(
    k bytea, n bytea, is_fresh boolean, is_try boolean, excluded bigint, joined bigint,
    leader_timeout bigint, max_leaders bigint, max_join_age bigint, patience bigint,
    OUT answer smallint, OUT number bigint, OUT began bigint, OUT age bigint, OUT body bytea
) LANGUAGE plpgsql AS $$
DECLARE
    held record;
    ended {schema}.coalescer_result;
    present bigint;
    is_current boolean;
    is_running boolean;
    has_ended boolean;
    is_apart boolean;
    is_due boolean;
    running bigint[];
BEGIN
    PERFORM set_config('lock_timeout', patience::text, true);
    LOOP
        SELECT known.flight, known.began, known.led, known.floor, known.beside, greatest(known.floor, named.floor) AS low
            INTO held FROM {schema}.coalescer_key known LEFT JOIN {schema}.coalescer_key named ON named.key = n
            WHERE known.key = k;
        -- Without a row, everything in `held` is null, and no flight is the key's.
        is_current := coalesce(held.flight > held.low, false);
        -- The lock before the end: a leader commits its end before it unlocks.
        is_running := is_current AND NOT {schema}.is_free(held.flight);
        has_ended := false;
        IF is_current THEN
            SELECT * INTO ended FROM {schema}.coalescer_result of_it
                WHERE of_it.key = k AND of_it.flight = held.flight;
            has_ended := FOUND;
        END IF;
        present := {schema}.clock();
        number := held.flight; began := held.began; age := greatest(present - held.began, 0);

        -- A begin in the future is that of a clock that was set back.
        IF has_ended AND ended.kept AND held.began <= present AND present < ended.until
            AND NOT is_fresh AND held.flight IS DISTINCT FROM excluded
        THEN
            answer := 0; body := ended.body;
            RETURN;
        END IF;

        running := held.beside;
        IF is_current AND NOT has_ended THEN
            IF NOT is_running THEN
                -- Its leader has died. Who has the row's lock goes on with the flight.
                PERFORM 1 FROM {schema}.coalescer_key AS locked
                    WHERE locked.key = k AND locked.flight = held.flight AND locked.floor = held.floor FOR UPDATE;
                CONTINUE WHEN NOT FOUND;
                CONTINUE WHEN NOT {schema}.is_free(held.flight);
                PERFORM 1 FROM {schema}.coalescer_result of_it WHERE of_it.key = k AND of_it.flight = held.flight;
                CONTINUE WHEN FOUND;
                -- Others have it for a moment at most, to see if it is free.
                PERFORM pg_advisory_lock({locks} + held.flight);
                UPDATE {schema}.coalescer_key AS changed SET led = present WHERE changed.key = k;
                answer := 1;
                RETURN;
            END IF;

            IF is_fresh OR held.flight = excluded THEN
                answer := 3;
                RETURN;
            END IF;
            is_apart := coalesce(age >= max_join_age, false) AND joined IS DISTINCT FROM held.flight;
            is_due := coalesce(present - held.led >= leader_timeout, false);
            IF is_apart OR is_due THEN
                running := ARRAY(SELECT other FROM unnest(held.beside) AS other
                    WHERE other > held.low AND NOT {schema}.is_free(other)) || held.flight;
            END IF;
            IF NOT (is_apart OR is_due) OR cardinality(running) >= max_leaders THEN
                answer := CASE WHEN is_apart THEN 4 WHEN is_try THEN 5 ELSE 2 END;
                RETURN;
            END IF;
        END IF;

        -- A flight of its own. The lock before the number: a number that can be read is locked.
        number := {schema}.new_flight();
        IF held.floor IS NULL THEN
            INSERT INTO {schema}.coalescer_key (key, flight, began, led) VALUES (k, number, present, present)
                ON CONFLICT DO NOTHING;
        ELSE
            UPDATE {schema}.coalescer_key AS changed
                SET flight = number, began = present, led = present, beside = running
                WHERE changed.key = k AND changed.flight IS NOT DISTINCT FROM held.flight AND changed.floor = held.floor;
        END IF;
        IF FOUND THEN
            answer := 1; began := present; age := 0;
            RETURN;
        END IF;
        -- Another claim, or a forget, has changed the row.
        PERFORM pg_advisory_unlock({locks} + number);
    END LOOP;
END
$$;

-- Says if the leader of that flight waits for a lock of this session, by way of others perhaps.
CREATE OR REPLACE FUNCTION {schema}.is_cycle(number bigint) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    WITH RECURSIVE chain(pid) AS (
        SELECT pid FROM pg_locks
            WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND classid = (({locks} + number) >> 32)::oid AND objid = (number & 4294967295)::oid AND objsubid = 1
        UNION
        SELECT unnest(pg_blocking_pids(chain.pid)) FROM chain
    )
    SELECT EXISTS (SELECT FROM chain WHERE chain.pid = pg_backend_pid())
$$;

-- Waits until nobody leads that flight. A session that leads itself may close a cycle: the server sees it if it waits for a
-- second, and calls that wait ask more often, so each wait that ends looks for one. Kinds as those of an end, and 4: it still runs; 5: it would be a cycle.
CREATE OR REPLACE FUNCTION {schema}.wait(
    k bytea, n bytea, number bigint, leads boolean, patience bigint,
    OUT kind smallint, OUT kept boolean, OUT forgotten boolean, OUT body bytea
) LANGUAGE plpgsql AS $$
BEGIN
    -- Waits of a cycle that begin and end together would never find each other: each looks while the others do not wait.
    PERFORM set_config('lock_timeout',
        (CASE WHEN leads THEN greatest(1, patience * (1 + random()) / 2) ELSE patience END)::bigint::text, true);
    BEGIN
        -- Let go with the transaction, also if the wait is cancelled: a leader's session may wait here.
        PERFORM pg_advisory_xact_lock_shared({locks} + number);
    EXCEPTION
        WHEN lock_not_available THEN
            kind := CASE WHEN leads AND {schema}.is_cycle(number) THEN 5 ELSE 4 END;
            RETURN;
        WHEN deadlock_detected THEN
            kind := 5;
            RETURN;
    END;
    SELECT of_it.kind, of_it.kept, of_it.body INTO kind, kept, body
        FROM {schema}.coalescer_result of_it WHERE of_it.key = k AND of_it.flight = number;
    SELECT number <= {schema}.floor_of(known.floor, n) INTO forgotten
        FROM {schema}.coalescer_key known WHERE known.key = k;
END
$$;

-- Ends a flight. Its session unlocks when this is committed, in a statement of its own. Null: it had ended before.
CREATE OR REPLACE FUNCTION {schema}.publish(
    k bytea, n bytea, number bigint, keep bigint, kind smallint, body bytea, patience bigint,
    OUT kept boolean, OUT forgotten boolean
) LANGUAGE plpgsql AS $$
DECLARE
    held {schema}.coalescer_key;
    present bigint;
    window_end bigint;
BEGIN
    PERFORM set_config('lock_timeout', patience::text, true);
    SELECT * INTO held FROM {schema}.coalescer_key known WHERE known.key = k;
    forgotten := held.flight IS DISTINCT FROM number OR number <= {schema}.floor_of(held.floor, n);
    present := {schema}.clock();
    window_end := held.began + keep;
    kept := NOT forgotten AND coalesce(present < window_end, false);
    INSERT INTO {schema}.coalescer_result (key, flight, until, kept, kind, body)
        VALUES (k, number, CASE WHEN kept THEN window_end ELSE present END, kept, publish.kind, publish.body)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        kept := NULL;
    END IF;
END
$$;

-- Says if there was a result or a running flight. The key gets a number that no flight has.
CREATE OR REPLACE FUNCTION {schema}.forget(k bytea, n bytea, patience bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    held {schema}.coalescer_key;
    ended {schema}.coalescer_result;
    present bigint;
    was_there boolean;
    number bigint;
BEGIN
    PERFORM set_config('lock_timeout', patience::text, true);
    SELECT * INTO held FROM {schema}.coalescer_key known WHERE known.key = k FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    was_there := false;
    present := {schema}.clock();
    IF held.flight > {schema}.floor_of(held.floor, n) THEN
        was_there := NOT {schema}.is_free(held.flight);
        SELECT * INTO ended FROM {schema}.coalescer_result of_it
            WHERE of_it.key = k AND of_it.flight = held.flight;
        IF FOUND THEN
            was_there := ended.kept AND held.began <= present AND present < ended.until;
        END IF;
    END IF;
    -- Drawn under the row's lock: a flight with a larger number begins later.
    number := nextval('{schema}.coalescer_flight');
    UPDATE {schema}.coalescer_key AS changed
        SET flight = number, floor = number, led = present, beside = '{}' WHERE changed.key = k;
    RETURN was_there;
END
$$;

CREATE OR REPLACE FUNCTION {schema}.forget_all(n bytea, patience bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    present bigint;
BEGIN
    PERFORM set_config('lock_timeout', patience::text, true);
    present := {schema}.clock();
    INSERT INTO {schema}.coalescer_key AS named (key, began, led, floor)
        VALUES (n, present, present, nextval('{schema}.coalescer_flight'))
        ON CONFLICT (key) DO UPDATE SET led = excluded.led, floor = greatest(named.floor, excluded.floor);
END
$$;

CREATE OR REPLACE FUNCTION {schema}.discard(k bytea, n bytea, bytes bytea, patience bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('lock_timeout', patience::text, true);
    UPDATE {schema}.coalescer_result AS result SET kept = false
        FROM {schema}.coalescer_key held
        WHERE held.key = k AND result.key = k AND result.flight = held.flight
            AND held.flight > {schema}.floor_of(held.floor, n)
            AND result.kept AND {schema}.clock() < result.until AND result.body = bytes;
    RETURN FOUND;
END
$$;

-- Removes ends ten seconds after they are over, and keys after a day of rest: some of them, so that it is short.
CREATE OR REPLACE FUNCTION {schema}.sweep(patience bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    present bigint;
    place bytea;
BEGIN
    IF NOT pg_try_advisory_xact_lock({locks}) THEN
        RETURN;
    END IF;
    PERFORM set_config('lock_timeout', patience::text, true);
    present := {schema}.clock();
    -- A flight without an end would look as if its leader had died, so the key's flight goes as well.
    WITH past AS (
        SELECT result.key, result.flight FROM {schema}.coalescer_result result
            WHERE result.until < present - 10000000 ORDER BY result.until LIMIT 2000 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM {schema}.coalescer_result result USING past
            WHERE result.key = past.key AND result.flight = past.flight RETURNING result.key, result.flight
    )
    UPDATE {schema}.coalescer_key AS held SET flight = NULL
        FROM gone WHERE held.key = gone.key AND held.flight = gone.flight;
    -- Keys begin with their digests, so each place is as likely as any other.
    place := decode(md5(random()::text), 'hex');
    DELETE FROM {schema}.coalescer_key held
        USING (SELECT known.key FROM {schema}.coalescer_key known WHERE known.key > place ORDER BY known.key LIMIT 1000) seen
        WHERE held.key = seen.key AND held.led < present - 86400000000
            AND (held.flight IS NULL OR {schema}.is_free(held.flight));
END
$$;

COMMIT;

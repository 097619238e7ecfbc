-- Calls of the last second or so at each destination, by all bridges on this database, in UNIX milliseconds of this server.
CREATE TABLE paces (
    destination TEXT     NOT NULL PRIMARY KEY,
    calls       BIGINT[] NOT NULL
);

-- One bridge after the other takes turns, by the clock of this server: it is asked only once the row is held.
CREATE FUNCTION take_turns(
    whose TEXT, wanted INTEGER, most INTEGER, window_ms BIGINT, OUT granted INTEGER, OUT at_ms BIGINT, OUT wait_ms BIGINT
) LANGUAGE plpgsql AS $$
DECLARE
    recent BIGINT[];
    number INTEGER;
BEGIN
    INSERT INTO paces (destination, calls) VALUES (whose, '{}') ON CONFLICT DO NOTHING;
    SELECT calls INTO recent FROM paces WHERE destination = whose FOR UPDATE;
    at_ms := floor(extract(epoch FROM clock_timestamp()) * 1000);
    -- What lies ahead was counted by a clock that has been set back; it counts as now.
    SELECT coalesce(array_agg(least(call_ms, at_ms) ORDER BY call_ms), '{}') INTO recent
    FROM unnest(recent) AS past(call_ms) WHERE call_ms > at_ms - window_ms;
    granted := greatest(0, least(wanted, most - cardinality(recent)));
    recent := recent || array_fill(at_ms, ARRAY[granted]);
    UPDATE paces SET calls = recent WHERE destination = whose;
    number := cardinality(recent);
    wait_ms := CASE WHEN number < most THEN 0 ELSE greatest(1, recent[number - most + 1] + window_ms - at_ms) END;
END $$;

-- The fleet's traffic per minute, without charge points (with them it has as many rows as `frames`: storage.md 7).
-- Numbers only, so that the view cannot throw: what a view throws is lost without a word. It begins with this migration.
CREATE TABLE IF NOT EXISTS all_fleet_minutes (
    `minute`         DateTime('UTC') CODEC(Delta, ZSTD(1)),
    `direction`      Enum8('from_charge_point' = 1, 'from_csms' = 2) CODEC(ZSTD(1)),
    `action`         LowCardinality(String) CODEC(ZSTD(1)),
    `message_type`   UInt8 CODEC(ZSTD(1)),
    `frames`         SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `bytes`          SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `calls`          SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `errors`         SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `unparseable`    SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `violations`     SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `latency_count`  SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `latency_sum_us` SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `latency_max_us` SimpleAggregateFunction(max, UInt32) CODEC(T64, ZSTD(1)),
    `latencies_us`   SimpleAggregateFunction(sumMap, Map(UInt64, UInt64)) CODEC(ZSTD(1))
) ENGINE = {engine:AggregatingMergeTree}
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, action, message_type, direction)
TTL minute + INTERVAL 730 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- `latencies_us`: how many answers took so long, rounded to two digits (so at most 5 % off, and few keys).
CREATE MATERIALIZED VIEW IF NOT EXISTS fill_fleet_minutes TO all_fleet_minutes AS
WITH
    assumeNotNull(latency_us) AS took,
    multiIf(took < 100, 1, took < 1000, 10, took < 10000, 100, took < 100000, 1000, took < 1000000, 10000,
        took < 10000000, 100000, took < 100000000, 1000000, took < 1000000000, 10000000, 100000000) AS step
SELECT
    toStartOfMinute(at) AS minute,
    direction,
    action,
    message_type,
    countIf(kind = 'frame' OR (kind = 'part' AND header != '')) AS frames,
    sum(length(header) + length(payload) + if(masked = 1 AND header != '', 4, 0)) AS bytes,
    countIf(message_type = 2) AS calls,
    countIf(message_type IN (4, 5)) AS errors,
    countIf(verdict = 'unparseable') AS unparseable,
    countIf(verdict = 'violation') AS violations,
    count(latency_us) AS latency_count,
    sumIf(took, isNotNull(latency_us)) AS latency_sum_us,
    maxIf(took, isNotNull(latency_us)) AS latency_max_us,
    sumMapIf(map(toUInt64(intDiv(took + intDiv(step, 2), step) * step), toUInt64(1)), isNotNull(latency_us))
        AS latencies_us
FROM all_frames
WHERE source = ''
GROUP BY minute, direction, action, message_type;

-- What users read. Percentiles of any stretch: quantileExactWeighted(0.95)(took.1, took.2) ... ARRAY JOIN
-- CAST(latencies_us, 'Array(Tuple(UInt64, UInt64))') AS took
CREATE VIEW IF NOT EXISTS fleet_minutes AS
SELECT
    known.minute AS minute,
    known.direction AS direction,
    known.action AS action,
    known.message_type AS message_type,
    sum(known.frames) AS frames,
    sum(known.bytes) AS bytes,
    sum(known.calls) AS calls,
    sum(known.errors) AS errors,
    sum(known.unparseable) AS unparseable,
    sum(known.violations) AS violations,
    sum(known.latency_count) AS latency_count,
    sum(known.latency_sum_us) AS latency_sum_us,
    toUInt32(max(known.latency_max_us)) AS latency_max_us,
    sumMap(known.latencies_us) AS latencies_us
FROM all_fleet_minutes AS known
GROUP BY known.minute, known.direction, known.action, known.message_type;

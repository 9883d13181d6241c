-- Each charge point's traffic per hour. Numbers only, so that the view cannot throw. It begins with this migration.
CREATE TABLE IF NOT EXISTS all_charge_point_hours (
    `hour`                     DateTime('UTC') CODEC(Delta, ZSTD(1)),
    `charge_point`             LowCardinality(String) CODEC(ZSTD(1)),
    `frames_from_charge_point` SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `frames_from_csms`         SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `bytes_from_charge_point`  SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `bytes_from_csms`          SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `calls`                    SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `answers`                  SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `errors`                   SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `unparseable`              SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `violations`               SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    `first_at`                 SimpleAggregateFunction(min, DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `last_at`                  SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(ZSTD(1))
) ENGINE = {engine:AggregatingMergeTree}
PARTITION BY toYYYYMM(hour)
ORDER BY (charge_point, hour)
TTL hour + INTERVAL 730 DAY
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- `answers`: replies that were joined to their call.
CREATE MATERIALIZED VIEW IF NOT EXISTS fill_charge_point_hours TO all_charge_point_hours AS
WITH
    toUInt64(kind = 'frame' OR (kind = 'part' AND header != '')) AS whole,
    length(header) + length(payload) + if(masked = 1 AND header != '', 4, 0) AS size
SELECT
    toStartOfHour(at) AS hour,
    charge_point,
    sumIf(whole, direction = 'from_charge_point') AS frames_from_charge_point,
    sumIf(whole, direction = 'from_csms') AS frames_from_csms,
    sumIf(size, direction = 'from_charge_point') AS bytes_from_charge_point,
    sumIf(size, direction = 'from_csms') AS bytes_from_csms,
    countIf(message_type = 2) AS calls,
    count(latency_us) AS answers,
    countIf(message_type IN (4, 5)) AS errors,
    countIf(verdict = 'unparseable') AS unparseable,
    countIf(verdict = 'violation') AS violations,
    min(at) AS first_at,
    max(at) AS last_at
FROM all_frames
WHERE source = ''
GROUP BY hour, charge_point;

-- What users read.
CREATE VIEW IF NOT EXISTS charge_point_hours AS
SELECT
    known.hour AS hour,
    known.charge_point AS charge_point,
    sum(known.frames_from_charge_point) AS frames_from_charge_point,
    sum(known.frames_from_csms) AS frames_from_csms,
    sum(known.bytes_from_charge_point) AS bytes_from_charge_point,
    sum(known.bytes_from_csms) AS bytes_from_csms,
    sum(known.calls) AS calls,
    sum(known.answers) AS answers,
    sum(known.errors) AS errors,
    sum(known.unparseable) AS unparseable,
    sum(known.violations) AS violations,
    toDateTime64(min(known.first_at), 6, 'UTC') AS first_at,
    toDateTime64(max(known.last_at), 6, 'UTC') AS last_at
FROM all_charge_point_hours AS known
GROUP BY known.hour, known.charge_point;

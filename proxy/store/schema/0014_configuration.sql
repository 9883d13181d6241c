-- What is known of each configuration key of a charge point, and whether the CSMS changed it. No partition, no expiry.
-- Rows are partial: what a row does not say is NULL and changes nothing; the engine puts rows of one key together in
-- the order of their inserts. The recorder keeps none of this.
CREATE TABLE IF NOT EXISTS all_configuration (
    `first_at`      SimpleAggregateFunction(min, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `last_at`       SimpleAggregateFunction(max, DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `batch`         SimpleAggregateFunction(max, UInt64) CODEC(Delta, ZSTD(1)),
    `charge_point`  LowCardinality(String) CODEC(ZSTD(1)),
    `key`           String CODEC(ZSTD(1)),
    `value`         SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `mutability`    SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `told_at`       SimpleAggregateFunction(anyLast, Nullable(DateTime64(6, 'UTC'))) CODEC(Delta, ZSTD(1)),
    `changed_at`    SimpleAggregateFunction(anyLast, Nullable(DateTime64(6, 'UTC'))) CODEC(ZSTD(1)),
    `changed_by`    SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `change_status` SimpleAggregateFunction(anyLast, Nullable(String)) CODEC(ZSTD(1)),
    `journal`       LowCardinality(String) CODEC(ZSTD(1)),
    `source`        LowCardinality(String) CODEC(ZSTD(1))
) ENGINE = {engine:AggregatingMergeTree}
ORDER BY (charge_point, `key`, source, journal)
SETTINGS non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows; of what several journals say of one key, the newest.
CREATE VIEW IF NOT EXISTS configuration AS
SELECT
    toDateTime64(min(known.first_at), 6, 'UTC') AS first_at,
    toDateTime64(max(known.last_at), 6, 'UTC') AS last_at,
    toUInt64(max(known.batch)) AS batch,
    known.charge_point AS charge_point,
    known.`key` AS `key`,
    argMax(known.value, greatest(ifNull(known.told_at, known.first_at), ifNull(known.changed_at, known.first_at))) AS value,
    argMax(known.mutability, known.last_at) AS mutability,
    argMax(known.told_at, known.told_at) AS told_at,
    argMax(known.changed_at, known.changed_at) AS changed_at,
    argMax(known.changed_by, known.changed_at) AS changed_by,
    argMax(known.change_status, known.last_at) AS change_status,
    toLowCardinality(argMax(known.journal, known.last_at)) AS journal,
    toLowCardinality(any(known.source)) AS source
FROM all_configuration AS known FINAL
WHERE known.source = ''
GROUP BY known.charge_point, known.`key`;

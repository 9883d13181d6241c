-- What the analyzers found; the newest batch's row wins. `at` is the opening moment and never changes.
CREATE TABLE IF NOT EXISTS all_findings (
    `at`             DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `last_at`        DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`          UInt64 CODEC(Delta, ZSTD(1)),
    `count`          UInt64 CODEC(ZSTD(1)),
    `severity`       Enum8('info' = 1, 'warning' = 2, 'critical' = 3) CODEC(ZSTD(1)),
    `finding_id`     String CODEC(ZSTD(1)),
    `analyzer`       LowCardinality(String) CODEC(ZSTD(1)),
    `rule`           LowCardinality(String) CODEC(ZSTD(1)),
    `charge_point`   LowCardinality(String) CODEC(ZSTD(1)),
    `connector_id`   Nullable(UInt32) CODEC(ZSTD(1)),
    `transaction_id` String CODEC(ZSTD(1)),
    `cleared_at`     Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `evidence`       Array(Tuple(String, UInt64)) CODEC(ZSTD(1)),
    `observed`       String CODEC(ZSTD(1)),
    `limit`          String CODEC(ZSTD(1)),
    `basis`          String CODEC(ZSTD(1)),
    `message`        String CODEC(ZSTD(1)),
    `muted_by`       String CODEC(ZSTD(1)),
    `journal`        LowCardinality(String) CODEC(ZSTD(1)),
    `source`         LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1
) ENGINE = {engine:ReplacingMergeTree(batch)}
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, finding_id, source)
TTL if(source = '', toDateTime(last_at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows, newest version.
CREATE VIEW IF NOT EXISTS findings AS SELECT * FROM all_findings FINAL WHERE source = '';

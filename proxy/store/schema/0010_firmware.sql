-- Firmware updates and log uploads: what was asked for, and how far it is. Append-only.
CREATE TABLE IF NOT EXISTS all_firmware (
    `at`            DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`         UInt64 CODEC(Delta, ZSTD(1)),
    `frame_no`      UInt64 CODEC(Delta, ZSTD(1)),
    `item_no`       UInt32 CODEC(ZSTD(1)),
    `event`         Enum8('update_requested' = 1, 'update_progress' = 2, 'publish_requested' = 3, 'publish_progress' = 4, 'log_requested' = 5, 'log_progress' = 6) CODEC(ZSTD(1)),
    `signed`        UInt8 CODEC(ZSTD(1)),
    `connection_id` String CODEC(ZSTD(1)),
    `charge_point`  LowCardinality(String) CODEC(ZSTD(1)),
    `location`      String CODEC(ZSTD(1)),
    `file_name`     String CODEC(ZSTD(1)),
    `request_id`    Nullable(Int64) CODEC(ZSTD(1)),
    `retrieve_at`   Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `retrieve_text` String CODEC(ZSTD(1)),
    `install_at`    Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `install_text`  String CODEC(ZSTD(1)),
    `status`        LowCardinality(String) CODEC(ZSTD(1)),
    `kind`          LowCardinality(String) CODEC(ZSTD(1)),
    `journal`       LowCardinality(String) CODEC(ZSTD(1)),
    `source`        LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {engine:MergeTree}
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, item_no, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows.
CREATE VIEW IF NOT EXISTS firmware AS SELECT * FROM all_firmware WHERE source = '';

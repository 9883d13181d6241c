-- Every WebSocket frame (or what stands for one) that passed: DESIGN 6. Codecs and indexes as measured: reference/storage.md 7.
CREATE TABLE IF NOT EXISTS all_frames (
    `at`            DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`         UInt64 CODEC(Delta, ZSTD(1)),
    `frame_no`      UInt64 CODEC(Delta, ZSTD(1)),
    `stream_offset` UInt64 CODEC(Delta, ZSTD(1)),
    `mask`          UInt32 CODEC(ZSTD(1)),
    `check`         UInt16 CODEC(ZSTD(1)),
    `direction`     Enum8('from_charge_point' = 1, 'from_csms' = 2) CODEC(ZSTD(1)),
    `kind`          Enum8('frame' = 1, 'part' = 2, 'opaque' = 3, 'tail' = 4) CODEC(ZSTD(1)),
    `opcode`        UInt8 CODEC(ZSTD(1)),
    `fin`           UInt8 CODEC(ZSTD(1)),
    `rsv`           UInt8 CODEC(ZSTD(1)),
    `masked`        UInt8 CODEC(ZSTD(1)),
    `message_type`  UInt8 CODEC(ZSTD(1)),
    `verdict`       Enum8('' = 0, 'ok' = 1, 'erratum' = 2, 'violation' = 3, 'unparseable' = 4) CODEC(ZSTD(1)),
    `truncated`     UInt8 CODEC(ZSTD(1)),
    `redacted`      UInt8 CODEC(ZSTD(1)),
    `connection_id` String CODEC(ZSTD(1)),
    `charge_point`  LowCardinality(String) CODEC(ZSTD(1)),
    `header`        String CODEC(ZSTD(1)),
    `payload`       String CODEC(ZSTD(1)),
    `text`          String CODEC(ZSTD(1)),
    `message_id`    String CODEC(ZSTD(1)),
    `action`        LowCardinality(String) CODEC(ZSTD(1)),
    `latency_us`    Nullable(UInt32) CODEC(T64, ZSTD(1)),
    `keyed_digest`  String CODEC(ZSTD(1)),
    `link`          String CODEC(ZSTD(1)),
    `journal`       LowCardinality(String) CODEC(ZSTD(1)),
    `source`        LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_message_id message_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {engine:MergeTree}
PARTITION BY toDate(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, frame_no, stream_offset, source)
TTL if(source = '', toDateTime(at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows; bytes that are no text in hexadecimal.
CREATE VIEW IF NOT EXISTS frames AS
SELECT * REPLACE (lower(hex(header)) AS header, lower(hex(keyed_digest)) AS keyed_digest, lower(hex(link)) AS link)
FROM all_frames WHERE source = '';

-- One WebSocket connection of one charge point; the newest batch's row wins. `at` is its opening and never changes.
CREATE TABLE IF NOT EXISTS all_connections (
    `at`                          DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `last_at`                     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    `batch`                       UInt64 CODEC(Delta, ZSTD(1)),
    `state`                       Enum8('open' = 1, 'closed' = 2, 'refused' = 3) CODEC(ZSTD(1)),
    `status`                      UInt16 CODEC(ZSTD(1)),
    `close_code`                  UInt16 CODEC(ZSTD(1)),
    `run`                         UInt32 CODEC(ZSTD(1)),
    `worker`                      UInt32 CODEC(ZSTD(1)),
    `count`                       UInt64 CODEC(ZSTD(1)),
    `dial_us`                     UInt64 CODEC(T64, ZSTD(1)),
    `handshake_us`                UInt64 CODEC(T64, ZSTD(1)),
    `rtt_us`                      UInt32 CODEC(T64, ZSTD(1)),
    `upstream_rtt_us`             UInt32 CODEC(T64, ZSTD(1)),
    `frames_from_charge_point`    UInt64 CODEC(ZSTD(1)),
    `frames_from_csms`            UInt64 CODEC(ZSTD(1)),
    `rows_from_charge_point`      UInt64 CODEC(ZSTD(1)),
    `rows_from_csms`              UInt64 CODEC(ZSTD(1)),
    `bytes_from_charge_point`     UInt64 CODEC(ZSTD(1)),
    `bytes_from_csms`             UInt64 CODEC(ZSTD(1)),
    `handed_from_charge_point`    UInt64 CODEC(ZSTD(1)),
    `handed_from_csms`            UInt64 CODEC(ZSTD(1)),
    `buffered_from_charge_point`  UInt64 CODEC(ZSTD(1)),
    `buffered_from_csms`          UInt64 CODEC(ZSTD(1)),
    `connection_id`               String CODEC(ZSTD(1)),
    `journal`                     LowCardinality(String) CODEC(ZSTD(1)),
    `charge_point`                LowCardinality(String) CODEC(ZSTD(1)),
    `ocpp_version`                LowCardinality(String) CODEC(ZSTD(1)),
    `subprotocol`                 LowCardinality(String) CODEC(ZSTD(1)),
    `compression`                 LowCardinality(String) CODEC(ZSTD(1)),
    `target`                      String CODEC(ZSTD(1)),
    `remote_address`              String CODEC(ZSTD(1)),
    `upstream`                    LowCardinality(String) CODEC(ZSTD(1)),
    `upstream_address`            LowCardinality(String) CODEC(ZSTD(1)),
    `request_head`                String CODEC(ZSTD(1)),
    `response_head`               String CODEC(ZSTD(1)),
    `tls_version`                 LowCardinality(String) CODEC(ZSTD(1)),
    `tls_cipher`                  LowCardinality(String) CODEC(ZSTD(1)),
    `tls_sni`                     String CODEC(ZSTD(1)),
    `tls_client_subject`          String CODEC(ZSTD(1)),
    `upstream_tls_version`        LowCardinality(String) CODEC(ZSTD(1)),
    `upstream_tls_cipher`         LowCardinality(String) CODEC(ZSTD(1)),
    `upstream_tls_subject`        String CODEC(ZSTD(1)),
    `closed_by`                   LowCardinality(String) CODEC(ZSTD(1)),
    `closed_how`                  LowCardinality(String) CODEC(ZSTD(1)),
    `closed_reason`               String CODEC(ZSTD(1)),
    `vendor`                      LowCardinality(String) CODEC(ZSTD(1)),
    `model`                       LowCardinality(String) CODEC(ZSTD(1)),
    `firmware`                    LowCardinality(String) CODEC(ZSTD(1)),
    `notes`                       Array(String) CODEC(ZSTD(1)),
    `last_link_from_charge_point` String CODEC(ZSTD(1)),
    `last_link_from_csms`         String CODEC(ZSTD(1)),
    `source`                      LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_at at TYPE minmax GRANULARITY 1,
    INDEX by_connection connection_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = {engine:ReplacingMergeTree(batch)}
PARTITION BY toYYYYMM(at)
PRIMARY KEY (charge_point, at)
ORDER BY (charge_point, at, connection_id, source)
TTL if(source = '', toDateTime(last_at) + INTERVAL 90 DAY, toDateTime('2106-01-01 00:00:00', 'UTC'))
SETTINGS non_replicated_deduplication_window = 10000, ttl_only_drop_parts = 1,
    fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- What users read: live rows, newest version.
CREATE VIEW IF NOT EXISTS connections AS
SELECT * REPLACE (
    lower(hex(last_link_from_charge_point)) AS last_link_from_charge_point,
    lower(hex(last_link_from_csms)) AS last_link_from_csms)
FROM all_connections FINAL WHERE source = '';

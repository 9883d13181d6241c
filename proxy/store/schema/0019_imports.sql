-- What an imported session was called where it was recorded; '' of a live one.
ALTER TABLE all_connections
    ADD COLUMN IF NOT EXISTS `source_connection_id` String CODEC(ZSTD(1)) AFTER `last_link_from_csms`;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW connections AS
SELECT * REPLACE (
    lower(hex(last_link_from_charge_point)) AS last_link_from_charge_point,
    lower(hex(last_link_from_csms)) AS last_link_from_csms)
FROM all_connections FINAL WHERE source = '';

-- Each file that `ocpptap import` took: a row when it began, another when all of it was in. No rows of traffic.
CREATE TABLE IF NOT EXISTS imports (
    `source`     String CODEC(ZSTD(1)),
    `name`       String CODEC(ZSTD(1)),
    `version`    String CODEC(ZSTD(1)),
    `began_at`   DateTime64(6, 'UTC') CODEC(ZSTD(1)),
    `ended_at`   Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `sessions`   UInt64 CODEC(ZSTD(1)),
    `rows`       UInt64 CODEC(ZSTD(1)),
    `unreadable` UInt64 CODEC(ZSTD(1))
) ENGINE = {engine:MergeTree}
ORDER BY (source, began_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480;

-- Why a message's verdict is what it is, and which CALL a reply answers. Rows from before have none of it.
ALTER TABLE all_frames
    ADD COLUMN IF NOT EXISTS `answers` UInt64 CODEC(T64, ZSTD(1)) AFTER `stream_offset`,
    ADD COLUMN IF NOT EXISTS `pointer` String CODEC(ZSTD(1)) AFTER `link`,
    ADD COLUMN IF NOT EXISTS `rule`    LowCardinality(String) CODEC(ZSTD(1)) AFTER `pointer`,
    ADD COLUMN IF NOT EXISTS `clause`  LowCardinality(String) CODEC(ZSTD(1)) AFTER `rule`;

-- A view has the columns that its table had when it was made.
CREATE OR REPLACE VIEW frames AS
SELECT * REPLACE (lower(hex(header)) AS header, lower(hex(keyed_digest)) AS keyed_digest, lower(hex(link)) AS link)
FROM all_frames WHERE source = '';

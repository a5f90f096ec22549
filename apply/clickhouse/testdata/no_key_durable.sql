CREATE TABLE IF NOT EXISTS `my\`db`.`events` (
    `payload` String,
    `_version` UInt128,
    `_deleted` UInt8
)
ENGINE = ReplacingMergeTree(`_version`, `_deleted`)
ORDER BY (`_version`)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

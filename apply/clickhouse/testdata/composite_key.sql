CREATE TABLE IF NOT EXISTS `my\`db`.`lines` (
    `line` Int32,
    `note` Nullable(String),
    `mood` LowCardinality(String),
    `_version` UInt128,
    `_deleted` UInt8
)
ENGINE = ReplacingMergeTree(`_version`, `_deleted`)
ORDER BY (`mood`, `line`);

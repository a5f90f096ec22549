CREATE TABLE IF NOT EXISTS `my\`db`.`old` (
    `t` Nullable(String),
    `n` String,
    `_version` UInt128,
    `_deleted` UInt8
)
ENGINE = ReplacingMergeTree(`_version`, `_deleted`)
ORDER BY (`_version`);

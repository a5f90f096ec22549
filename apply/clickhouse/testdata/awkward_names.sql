CREATE TABLE IF NOT EXISTS `my\`db`.`it's a "t\`a\\ble".ünï
{x}` (
    `select` Int64,
    `a\`b\\n"c'.é` Nullable(String),
    `_version` UInt128,
    `_deleted` UInt8
)
ENGINE = ReplacingMergeTree(`_version`, `_deleted`)
ORDER BY (`select`);

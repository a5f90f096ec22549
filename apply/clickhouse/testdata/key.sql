CREATE TABLE IF NOT EXISTS `my\`db`.`orders` (
    `id` Int64,
    `note` Nullable(String),
    `_version` UInt128,
    `_deleted` UInt8
)
ENGINE = ReplacingMergeTree(`_version`, `_deleted`)
ORDER BY (`id`);

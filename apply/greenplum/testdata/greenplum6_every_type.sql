CREATE TYPE "public"."My mood" AS ENUM ('it''s', E'b\\c');
CREATE TYPE "public"."pair" AS ("A" "public"."My mood", "p" numeric(12,2), "ps" numeric(12,2)[]);
CREATE TABLE "public"."o'rders ""x""" (
    "id" bigint NOT NULL,
    "amount" money NOT NULL,
    "Note" varchar(20),
    "fixed" char(5),
    "open" "bpchar",
    "c" "char",
    "bits" "bit",
    "bit3" bit(3),
    "varbits" bit varying(8),
    "n" numeric,
    "m" numeric,
    "price" numeric(12,2),
    "at" timestamptz(3),
    "i" interval year to month,
    "s" interval second(2),
    "plain" interval,
    "mood" "public"."My mood",
    "moods" "public"."My mood"[],
    "pair" "public"."pair",
    "pairs" "public"."pair"[],
    "lost" text,
    "matrix" numeric(5,1)[][],
    "r" int4range,
    "mac" text,
    "cls" text,
    "tree" "My Extensions"."ltree",
    "ci" "public"."citext",
    "shape" text NOT NULL,
    PRIMARY KEY ("id")
)
DISTRIBUTED BY ("id");
-- "i" cannot hold an infinite interval
-- "s" cannot hold an infinite interval
-- "plain" cannot hold an infinite interval
-- "lost": kept as text: attribute m: the target has no type macaddr8
-- "mac": kept as text: the target has no type macaddr8
-- "cls": kept as text: its values are numbers of the source's catalog
-- "shape": kept as text: the target has no extension postgis

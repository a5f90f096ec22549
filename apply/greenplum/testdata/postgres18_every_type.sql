CREATE TYPE "public"."My mood" AS ENUM ('it''s', E'b\\c');
CREATE TYPE "public"."pair" AS ("A" "public"."My mood", "p" numeric(12,2), "ps" numeric(12,2)[]);
CREATE TYPE "public"."lost" AS ("m" macaddr8);
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
    "n" numeric(3,-2),
    "m" numeric(2,4),
    "price" numeric(12,2),
    "at" timestamptz(3),
    "i" interval year to month,
    "s" interval second(2),
    "plain" interval,
    "mood" "public"."My mood",
    "moods" "public"."My mood"[],
    "pair" "public"."pair",
    "pairs" "public"."pair"[],
    "lost" "public"."lost",
    "matrix" numeric(5,1)[][],
    "r" int4range,
    "mac" macaddr8,
    "cls" text,
    "tree" "My Extensions"."ltree",
    "ci" "public"."citext",
    "shape" text NOT NULL,
    PRIMARY KEY ("id")
);
-- "cls": kept as text: its values are numbers of the source's catalog
-- "shape": kept as text: the target has no extension postgis

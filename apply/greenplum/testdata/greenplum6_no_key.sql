CREATE TABLE "public"."orders" (
    "tenant" integer,
    "id" integer,
    "amount" money NOT NULL,
    "note" text
)
DISTRIBUTED RANDOMLY;

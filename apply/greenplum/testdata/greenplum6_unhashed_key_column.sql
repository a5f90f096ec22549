CREATE TABLE "public"."orders" (
    "tenant" integer NOT NULL,
    "id" integer NOT NULL,
    "amount" money NOT NULL,
    "note" text,
    PRIMARY KEY ("tenant", "id", "amount")
)
DISTRIBUTED BY ("tenant", "id");

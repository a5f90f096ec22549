CREATE TABLE "public"."orders" (
    "tenant" bigint NOT NULL,
    "id" integer NOT NULL,
    "amount" text NOT NULL,
    "it's" text,
    PRIMARY KEY ("tenant", "id")
)
DISTRIBUTED BY ("tenant", "id");

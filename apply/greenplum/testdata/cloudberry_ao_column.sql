CREATE TABLE "public"."orders" (
    "tenant" integer NOT NULL,
    "id" integer NOT NULL,
    "amount" money NOT NULL,
    "note" text,
    PRIMARY KEY ("tenant", "id")
)
USING ao_column WITH (compresstype=lz4)
DISTRIBUTED BY ("tenant", "id");

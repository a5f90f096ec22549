CREATE TABLE "public"."orders" (
    "tenant" integer NOT NULL,
    "id" integer NOT NULL,
    "amount" money NOT NULL,
    "note" text
)
WITH (appendoptimized=true, orientation=column, compresstype=zstd, compresslevel=5)
DISTRIBUTED BY ("tenant", "id");
-- "tenant": the primary key: append-optimised tables of this server have none; pgsluice keeps rows apart by it all the same
-- "id": the primary key: append-optimised tables of this server have none; pgsluice keeps rows apart by it all the same

CREATE TEMPORARY TABLE stage_1 (_how integer, _gap integer, c0 integer, c1 "public"."citext", c2 text, c3 text, b0 integer) ON COMMIT DELETE ROWS;

UPDATE pg_temp.stage_1 s SET c3 = t."doc" FROM "public"."orders" t WHERE s._how = 3 AND s._gap = 1 AND t."tenant" = s.b0;

DELETE FROM "public"."orders" t USING pg_temp.stage_1 s WHERE s._how = 1 AND t."tenant" = s.c0;

UPDATE "public"."orders" t SET "id" = s.c1, "note" = s.c2, "doc" = s.c3 FROM pg_temp.stage_1 s WHERE (s._how = 2 AND s._gap = 0 OR s._how = 3) AND t."tenant" = s.c0;

UPDATE "public"."orders" t SET "id" = s.c1, "note" = s.c2 FROM pg_temp.stage_1 s WHERE s._how = 2 AND s._gap = 1 AND t."tenant" = s.c0;

SELECT 1 FROM "public"."orders" t, pg_temp.stage_1 s WHERE s._how = 2 AND s._gap = 2 AND t."tenant" = s.c0;

UPDATE "public"."orders" t SET "id" = s.c1, "note" = CASE WHEN s._gap IN (17) THEN t."note" ELSE s.c2 END, "doc" = CASE WHEN s._gap IN (16, 17) THEN t."doc" ELSE s.c3 END FROM pg_temp.stage_1 s WHERE s._how = 2 AND s._gap >= 16 AND t."tenant" = s.c0;

INSERT INTO "public"."orders" ("tenant", "id", "note", "doc") SELECT s.c0, s.c1, s.c2, s.c3 FROM pg_temp.stage_1 s WHERE (s._how = 2 AND s._gap = 0 OR s._how = 3) AND NOT EXISTS (SELECT 1 FROM "public"."orders" t WHERE t."tenant" = s.c0);

DELETE FROM "public"."orders" t USING "pgsluice"."load_ddd7307dffd8db2f" s WHERE t."tenant" = s."tenant";
INSERT INTO "public"."orders" ("tenant", "id", "note", "doc") SELECT "tenant", "id", "note", "doc" FROM "pgsluice"."load_ddd7307dffd8db2f";
DROP TABLE "pgsluice"."load_ddd7307dffd8db2f";

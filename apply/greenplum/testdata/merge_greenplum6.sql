CREATE TEMPORARY TABLE stage_1 (_how integer, _gap integer, c0 integer, c1 "public"."citext", c2 text, c3 text, b0 integer, b1 "public"."citext") ON COMMIT DELETE ROWS DISTRIBUTED BY (c0);

UPDATE pg_temp.stage_1 s SET c3 = t."the ""doc""" FROM "public"."orders" t WHERE s._how = 3 AND s._gap = 1 AND t."tenant" = s.b0 AND t."id" OPERATOR("public".=) s.b1;

DELETE FROM "public"."orders" t USING pg_temp.stage_1 s WHERE s._how = 1 AND t."tenant" = s.c0 AND t."id" OPERATOR("public".=) s.c1;

UPDATE "public"."orders" t SET "note" = s.c2, "the ""doc""" = s.c3 FROM pg_temp.stage_1 s WHERE (s._how = 2 AND s._gap = 0 OR s._how = 3) AND t."tenant" = s.c0 AND t."id" OPERATOR("public".=) s.c1;

UPDATE "public"."orders" t SET "note" = s.c2 FROM pg_temp.stage_1 s WHERE s._how = 2 AND s._gap = 1 AND t."tenant" = s.c0 AND t."id" OPERATOR("public".=) s.c1;

SELECT 1 FROM "public"."orders" t, pg_temp.stage_1 s WHERE s._how = 2 AND s._gap = 2 AND t."tenant" = s.c0 AND t."id" OPERATOR("public".=) s.c1;

UPDATE "public"."orders" t SET "note" = CASE WHEN s._gap IN (17) THEN t."note" ELSE s.c2 END, "the ""doc""" = CASE WHEN s._gap IN (16, 17) THEN t."the ""doc""" ELSE s.c3 END FROM pg_temp.stage_1 s WHERE s._how = 2 AND s._gap >= 16 AND t."tenant" = s.c0 AND t."id" OPERATOR("public".=) s.c1;

INSERT INTO "public"."orders" ("tenant", "id", "note", "the ""doc""") SELECT s.c0, s.c1, s.c2, s.c3 FROM pg_temp.stage_1 s WHERE (s._how = 2 AND s._gap = 0 OR s._how = 3) AND NOT EXISTS (SELECT 1 FROM "public"."orders" t WHERE t."tenant" = s.c0 AND t."id" OPERATOR("public".=) s.c1);

DELETE FROM "public"."orders" t USING "pgsluice"."load_ddd7307dffd8db2f" s WHERE t."tenant" = s."tenant" AND t."id" OPERATOR("public".=) s."id";
INSERT INTO "public"."orders" ("tenant", "id", "note", "the ""doc""") SELECT "tenant", "id", "note", "the ""doc""" FROM "pgsluice"."load_ddd7307dffd8db2f";
DROP TABLE "pgsluice"."load_ddd7307dffd8db2f";

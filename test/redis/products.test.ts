import { describe, expect, test } from "vitest";
import type { Product } from "../../lib/redis/products/product.ts";
import { PRODUCTS, programsOf, reportedVersion } from "../../lib/redis/products.ts";
import { Version } from "../../lib/redis/version.ts";
import { lineAfter } from "../../lib/redis/words/line.ts";
import { redis74 } from "../../lib/redis/words/redis/7.4.ts";
import { rdbVersionOf, wordsIfKnown, wordsOf } from "../../lib/redis/words.ts";

/** A product that says it is a Redis too, and has a line under a number that Redis has as well. */
const kin: Product = {
  ...PRODUCTS.redis,
  title: "Kin",
  versionMacro: "KIN_VERSION",
  versionField: "kin_version",
  lines: { "7.0": lineAfter(redis74, { ...redis74, rdbVersion: 80, keepsSlotMarks: false }) },
};
const rows = Object.values(PRODUCTS);

describe.each(rows)("$title", (product) => {
  test("every known release, and the default, is of a line of the table and has a whole sum", () => {
    for (const [release, sum] of Object.entries(product.releases.sha256)) {
      expect(wordsIfKnown(Version.of(product, release)), release).toBeDefined();
      expect(sum).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(product.releases.sha256).toHaveProperty([product.defaultVersion]);
  });

  test("its programs have different names, and its site serves a tarball", () => {
    expect(new Set(programsOf(product)).size).toBe(programsOf(product).length);
    expect(`${product.releases.site}/${product.releases.siteFile("1.2.3")}`).toMatch(/^https:\/\/\S*1\.2\.3\S*\.tar\.gz$/);
    expect(product.releases.tarball("1.2.3")).toMatch(/^[a-z]+-1\.2\.3\.tar\.gz$/);
  });
});

test("no two products have the same version field, macro or server", () => {
  for (const of of [(row: Product) => row.versionField, (row: Product) => row.versionMacro, (row: Product) => row.programs.server])
    expect(new Set(rows.map(of)).size).toBe(rows.length);
});

describe("the version that a server reports", () => {
  test("is that of its own field, whatever it says for those who look for a Redis", () => {
    const products = [PRODUCTS.redis, kin];
    expect(reportedVersion({ redis_version: "7.2.4", kin_version: "7.0.1" }, products)).toBe(Version.of(kin, "7.0.1"));
    expect(reportedVersion({ redis_version: "7.2.4" }, products)).toBe(Version.of(PRODUCTS.redis, "7.2.4"));
  });

  test("is empty where INFO has none", () => {
    expect(reportedVersion({}).text).toBe("");
  });
});

describe("a version", () => {
  const [ours, theirs] = [Version.of(PRODUCTS.redis, "7.0.15"), Version.of(kin, "7.0.15")];

  test("is one object for each product and text", () => {
    expect(Version.of(PRODUCTS.redis, "7.0.15")).toBe(ours);
    expect(theirs).not.toBe(ours);
    expect([ours.title, theirs.title]).toEqual(["Redis 7.0.15", "Kin 7.0.15"]);
  });

  test("is its text in messages and documents", () => {
    expect(`${ours} ${JSON.stringify({ version: ours })}`).toBe('7.0.15 {"version":"7.0.15"}');
  });

  test("has the line of its own product", () => {
    expect([rdbVersionOf(ours), rdbVersionOf(theirs)]).toEqual([10, 80]);
    expect([wordsOf(ours).keepsSlotMarks, wordsOf(theirs).keepsSlotMarks]).toEqual([true, false]);
    expect(rdbVersionOf(Version.of(kin, "4.0.14"))).toBeUndefined();
    expect(() => wordsOf(Version.of(kin, "4.0.14"))).toThrow("Kin 4.0.14 is not a version that redis-lab knows.");
  });
});

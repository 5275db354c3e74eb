import type { Product } from "./products/product.ts";
import { redis } from "./products/redis.ts";
import { Version } from "./version.ts";

// A product that also writes the version field of another, so that clients take it for that, stands after it.
const ROWS = { redis } satisfies Readonly<Record<string, Product>>;

export type ProductName = keyof typeof ROWS;
/** The one table in which products differ. */
export const PRODUCTS: Readonly<Record<ProductName, Product>> = ROWS;

/** What a server is, by its INFO. */
export function reportedVersion(info: Readonly<Record<string, string>>, products: readonly Product[] = Object.values(PRODUCTS)): Version {
  const product = products.findLast(({ versionField }) => info[versionField] !== undefined) ?? PRODUCTS.redis;
  return Version.of(product, info[product.versionField] ?? "");
}

/** The programs that a product builds. */
export function programsOf({ programs }: Pick<Product, "programs">): readonly string[] {
  return Object.values(programs);
}

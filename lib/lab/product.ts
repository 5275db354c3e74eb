import type { Product } from "../redis/products/product.ts";
import { PRODUCTS } from "../redis/products.ts";
import { Version } from "../redis/version.ts";

/** What of a lab names its product and version. */
interface Declared {
  readonly redis: { readonly version: string };
}

/** What labs run; they can declare no other product yet. */
export const LAB_PRODUCT: Product = PRODUCTS.redis;

/** The product that a lab declares. */
export function productOf(_lab: Declared): Product {
  return LAB_PRODUCT;
}

/** The version that a lab declares; another one runs where the source fell back to the distribution's. */
export function declaredVersion(lab: Declared): Version {
  return Version.of(productOf(lab), lab.redis.version);
}

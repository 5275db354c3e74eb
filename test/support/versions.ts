import { PRODUCTS } from "../../lib/redis/products.ts";
import { Version } from "../../lib/redis/version.ts";

/** A version of Redis. */
export function redisVersion(text: string): Version {
  return Version.of(PRODUCTS.redis, text);
}

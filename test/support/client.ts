import type { RedisClient } from "../../lib/redis/types.ts";

/** The same client with other ways of calling: what stands between it and the server in a test. */
export function overridden(client: RedisClient, calls: Partial<Pick<RedisClient, "call" | "callAll" | "callTyped">>): RedisClient {
  return new Proxy(client, {
    get(target, name) {
      if (name in calls) return calls[name as keyof typeof calls];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

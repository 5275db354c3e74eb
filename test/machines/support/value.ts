import type { TestProject } from "./project.ts";

/** The value of a key at the master that owns its slot now, whichever that is. Empty where there is none. */
export async function currentValue(project: TestProject, key: string): Promise<string> {
  const { rows } = await project.status();
  const values = await Promise.all(
    rows.filter(({ slotCount }) => slotCount > 0).map(({ instance }) => project.redis(instance, "get", key)),
  );
  return values.find((value) => !value.startsWith("MOVED")) ?? "";
}

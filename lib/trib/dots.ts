import type { Screen } from "./screen.ts";

/** Time between two dots, in milliseconds. */
const EVERY_MS = 1000;

/** Says what is waited for, with a dot at once and one more each second (wait_cluster_join of redis-trib.rb). */
export async function dotting<T>(screen: Screen, text: string, work: () => Promise<T>): Promise<T> {
  screen.print(`${text}.`);
  const timer = setInterval(() => screen.print("."), EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    screen.endLine();
  }
}

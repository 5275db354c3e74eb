// Gives this checkout its own `npx redis-lab` and `npx redis-trib`: npm links the bins of dependencies, never those of the root package, and tsc writes files without the execute bit.
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { bin } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
mkdirSync(`${root}node_modules/.bin`, { recursive: true });
for (const [name, file] of Object.entries(bin)) {
  chmodSync(`${root}${file}`, 0o755);
  rmSync(`${root}node_modules/.bin/${name}`, { force: true });
  symlinkSync(`../../${file}`, `${root}node_modules/.bin/${name}`);
}

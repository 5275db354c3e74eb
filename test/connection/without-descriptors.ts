import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/**
 * Does something twice in a process of its own: as usual, and when it has no file descriptor left.
 *
 * @param file module, from the root of the checkout
 * @param work source of a function of the module, whose result or error is given back as far as it is plain data
 */
export async function withoutDescriptors(file: string, work: string): Promise<unknown> {
  const script = `
    const { openSync } = require("node:fs");
    import(process.argv[1]).then(async (module) => {
      const work = () => (${work})(module.default ?? module);
      const plain = ({ failure, code, exitCode }) => ({ failure, code, exitCode });
      const first = await work().then(plain, plain);
      try { for (;;) openSync("/dev/null"); } catch {}
      const without = await work().then(plain, plain);
      console.log(JSON.stringify({ first, without }));
    });`;
  const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
  const command = 'ulimit -n 64; exec "$0" --import jiti/register -e "$1" "$2"';
  const { stdout } = await promisify(execFile)("sh", ["-c", command, process.execPath, script, path]);
  return JSON.parse(stdout);
}

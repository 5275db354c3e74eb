import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Connection } from "../../lib/connection/connection.ts";
import { openLocalConnection } from "../../lib/connection/local.ts";

/** Folders of a host that stand below a folder of the test's. */
const MOVED = /(?<![\w.-])\/(etc|sys|apps)(?=\/)/g;

/** A host whose /etc, /sys and /apps are below a folder, with programs of the test's before those of this computer. What real machines do is in test/machines. */
export interface RedirectedHost {
  readonly connection: Connection;
  readonly folder: string;
  put(path: string, text: string, mode?: number): Promise<void>;
  text(path: string): Promise<string | undefined>;
  /** Puts a shell script in the place of a program; its arguments are noted in `calls` first. */
  program(name: string, script: string): Promise<void>;
  calls(): Promise<readonly string[]>;
  remove(): Promise<void>;
}

export async function redirectedHost(): Promise<RedirectedHost> {
  const folder = await mkdtemp(join(tmpdir(), "redis-lab-host-"));
  const bin = join(folder, "programs");
  const noted = join(folder, "calls");
  await mkdir(bin);
  await writeFile(noted, "");
  const local = openLocalConnection("redis-18");
  const at = (path: string) => path.replaceAll(MOVED, `${folder}$&`);
  const connection: Connection = {
    host: local.host,
    dial: (...given) => local.dial(...given),
    probe: (...given) => local.probe(...given),
    upload: (...given) => local.upload(...given),
    download: (...given) => local.download(...given),
    close: () => local.close(),
    readFile: (path) => local.readFile(at(path)),
    // The owner is root's there, and the test may be anybody.
    writeFile: (path, content, { mode }) => local.writeFile(at(path), content, { mode }),
    async run(script, options) {
      const { input, ...rest } = options;
      const result = await local.run(`PATH='${bin}':$PATH\n${at(script)}`, { ...rest, ...(input !== undefined && { input }) });
      const back = (text: string) => text.replaceAll(`${folder}/`, "/");
      return { ...result, stdout: back(result.stdout), stderr: back(result.stderr) };
    },
  };
  return {
    connection,
    folder,
    async put(path, text, mode = 0o644) {
      await mkdir(dirname(at(path)), { recursive: true });
      await writeFile(at(path), text);
      await chmod(at(path), mode);
    },
    text: (path) => readFile(at(path), "utf8").catch(() => undefined),
    async program(name, script) {
      await writeFile(join(bin, name), `#!/bin/sh\nprintf '%s\\n' "${name} $*" >> '${noted}'\n${script}\n`, { mode: 0o755 });
    },
    calls: async () => (await readFile(noted, "utf8")).split("\n").filter((line) => line !== ""),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

import { expect, test } from "vitest";
import { withReachableClients } from "../../lib/bootstrap/open-files.ts";
import type { RenderedFile } from "../../lib/render/rendered-file.ts";

const file: RenderedFile = {
  path: "/etc/redis.conf",
  content: "port 6379\nmaxclients 65535\n",
  mode: 0o640,
  owner: "redis",
  kind: "redis-conf",
  step: "files",
};
const live = (text: string) => new Map([["/etc/redis.conf", text]]);

test("what Redis lowered maxclients to stays where the host allows no more", () => {
  expect(withReachableClients(file, { noFileHard: 20_000, files: live("maxclients 19968\n") }).content).toBe(
    "port 6379\nmaxclients 19968\n",
  );
});

test.each([
  ["on a host that allows it", 100_000, "maxclients 19968\n"],
  ["where nothing was lowered yet", 20_000, "maxclients 65535\n"],
  ["where there is no file yet", 20_000, ""],
])("ours is wanted %s", (_, noFileHard, text) => {
  expect(withReachableClients(file, { noFileHard, files: live(text) })).toBe(file);
});

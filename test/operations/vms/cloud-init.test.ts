import { expect, test } from "vitest";
import { parseCloudInit } from "../../../lib/operations/vms/cloud-init.ts";

test.each([
  ["none\n", { kind: "none" }],
  ["running\n", { kind: "running" }],
  // As cloud-init 22.4.2 of Debian 12 writes it.
  ['{\n "v1": {\n  "datasource": "DataSourceNoCloud [seed=/dev/sr0][dsmode=net]",\n  "errors": []\n }\n}\n', { kind: "done" }],
  [
    '{"v1": {"datasource": null, "errors": ["(\'scripts-user\', RuntimeError())"]}}',
    { kind: "failed", errors: ["('scripts-user', RuntimeError())"] },
  ],
  // Caught in the middle of being written.
  ['{"v1": {"datasource"', { kind: "running" }],
  ["", { kind: "running" }],
])("%j", (text, expected) => {
  expect(parseCloudInit(text)).toEqual(expected);
});

import { expect, test } from "vitest";
import { withoutDescriptors } from "./without-descriptors.ts";

test("a process without a descriptor left says so of itself, not of the address", async () => {
  const said = await withoutDescriptors("lib/connection/sockets.ts", "({ dialDirectly }) => dialDirectly('127.0.0.1', 1, 1000)");
  expect(said).toEqual({ first: { failure: "refused" }, without: { code: "connection.open-files" } });
});

import { expect, test } from "vitest";
import { isService, peopleOf } from "../../lib/base/accounts.ts";

test.each([
  [0, true],
  [33, true],
  [999, true],
  [1000, false],
  [60_513, false],
  [61_184, true],
  [65_519, true],
  [65_534, false],
  [1_234_567_890, false],
])("whether the id %i belongs to a service: %s", (uid, service) => {
  expect(isService(uid)).toBe(service);
});

const PASSWD = `root:x:0:0:root:/root:/bin/bash
redis:x:105:110::/var/lib/redis:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
alice:x:1000:1000:Alice,,,:/home/alice:/bin/bash
bob:x:1001:1001::/home/bob:
sftp-only:x:1002:1002::/srv:/bin/false
+::::::
`;

test("people are accounts with a login shell, and who is logged in, without oneself", () => {
  expect(peopleOf(PASSWD, [], [0])).toEqual(["alice", "bob"]);
  expect(peopleOf(PASSWD, [], [1000])).toEqual(["bob"]);
  expect(peopleOf(PASSWD, [0, 1000, 1002, 70_000, Number.NaN], [0, 1000])).toEqual(["bob", "sftp-only", "uid 70000"]);
  expect(peopleOf("", [], [undefined])).toEqual([]);
});

import { expect, test } from "vitest";
import { explainStart } from "../../lib/libvirt/explain-start.ts";
import { messageIn } from "../../lib/libvirt/virsh.ts";
import { cases } from "./support/testdata.ts";

test.each(cases("start-failures.txt"))("$text", ({ text, expected }) => {
  const hint = explainStart(messageIn(text));
  expect(hint?.what).toContain(expected);
  expect(hint?.next).toBeTruthy();
});

test("what can't be opened names its folder, for AppArmor and SELinux too", () => {
  const { next } = explainStart("Could not open '/srv/pool/a.qcow2': Permission denied") ?? { next: "" };
  expect(next).toContain("above /srv/pool:");
  expect(next).toContain("'/srv/pool/** rwk,'");
  expect(next).toContain("'/srv/pool(/.*)?'");
});

test("what is not known stays unexplained", () => {
  expect(explainStart("internal error: something else")).toBeUndefined();
});

import { expect, test } from "vitest";
import { LAB_VERBS } from "../../lib/cli/lab-verbs.ts";
import { ownOptionsFirst } from "../../lib/cli/own-options.ts";

test.each([
  ["ssh one --labs F host", "ssh --labs F one host"],
  ["ssh one --labs=F host uptime", "ssh --labs=F one host uptime"],
  ["ssh one host --labs F -- uptime", "ssh --labs F one host -- uptime"],
  ["ssh one host -t ssh uptime", "ssh -t ssh one host uptime"],
  ["ssh -t ssh one host", "ssh -t ssh one host"],
  ["ssh one host grep --labs F", "ssh one host grep --labs F"],
  ["ssh one host -- --labs F", "ssh one host -- --labs F"],
  ["cli one --target local host set a b --labs", "cli --target local one host set a b --labs"],
  ["cli one host --unknown", "cli one host --unknown"],
  ["ssh one --labs", "ssh --labs one"],
  ["status one --labs F", "status one --labs F"],
  ["", ""],
])("%s", (typed, read) => {
  const words = (text: string) => text.split(" ").filter((word) => word !== "");
  expect(ownOptionsFirst(words(typed), LAB_VERBS)).toEqual(words(read));
});

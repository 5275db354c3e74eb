import { readFileSync } from "node:fs";
import { readXml, type XmlElement } from "../../../lib/libvirt/xml.ts";

/** A recording: what the real virsh, ip or Terraform gave, with other paths. */
export function testdata(name: string): string {
  return readFileSync(new URL(`../testdata/${name}`, import.meta.url), "utf8");
}

export function testXml(name: string): Promise<XmlElement> {
  return readXml(testdata(name));
}

/** Cases of a transcript: what stands before a line `---- EXPECTED`. */
export function cases(name: string): readonly { readonly text: string; readonly expected: string }[] {
  const lines = testdata(name).split("\n");
  const found: { text: string; expected: string }[] = [];
  let text: string[] = [];
  for (const line of lines) {
    const expected = /^---- (.*)$/.exec(line)?.[1];
    if (expected === undefined) {
      if (!line.startsWith("# ")) text.push(line);
      continue;
    }
    found.push({ text: text.join("\n").trim(), expected });
    text = [];
  }
  return found;
}

import { expect, test } from "vitest";
import { readXml, xmlAll, xmlAttribute, xmlBytes, xmlFirst, xmlText } from "../../lib/libvirt/xml.ts";

test("elements, attributes and text are read as plain data", async () => {
  const xml = await readXml(`<?xml version="1.0"?>
    <a x='1 &amp; 2'><!-- no --><b>one</b><b y="&apos;">two &lt; three</b><c><![CDATA[<raw>]]></c><d/></a>`);
  expect(xml.attributes).toEqual({ x: "1 & 2" });
  expect(xmlAll(xml, "b").map(({ text }) => text)).toEqual(["one", "two < three"]);
  expect(xmlAttribute(xml, "b", "y")).toBeUndefined();
  expect(xmlFirst(xml, "c")?.text).toBe("<raw>");
  expect(xmlText(xml, "d")).toBeUndefined();
  expect(xmlText(xml, "b/e")).toBeUndefined();
  expect(xmlAll(undefined, "b")).toEqual([]);
});

test.each([
  ["<a><s>7</s></a>", "bytes", 7],
  ["<a><s unit='bytes'>7</s></a>", "KiB", 7],
  ["<a><s>2</s></a>", "KiB", 2048],
  ["<a><s unit='KiB'>2</s></a>", "bytes", 2048],
  ["<a><s unit='G'>3</s></a>", "bytes", 3 * 2 ** 30],
  ["<a><s unit='GB'>3</s></a>", "bytes", 3e9],
  ["<a><s unit='parsec'>3</s></a>", "bytes", undefined],
  ["<a><s></s></a>", "bytes", undefined],
  ["<a/>", "bytes", undefined],
] as const)("%s, else in %s, is %s bytes", async (text, unit, expected) => {
  expect(xmlBytes(await readXml(text), "s", unit)).toBe(expected);
});

test("what is not XML is an error", async () => {
  await expect(readXml("<a><b></a>")).rejects.toThrow();
  await expect(readXml("")).rejects.toThrow();
});

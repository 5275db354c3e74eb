import fc from "fast-check";
import { expect, test } from "vitest";
import { colouredText, jsonText, plainText } from "../../lib/base/terminal-text.ts";

const ESC = "\u001b";

test.each([
  ["a title and the clipboard", `${ESC}]0;a\u0007${ESC}]52;c;YQ==${ESC}\\`, "^[]0;a^G^[]52;c;YQ==^[\\"],
  ["moves of the cursor, and an answer in the user's name", `${ESC}[2J${ESC}[6n`, "^[[2J^[[6n"],
  ["C1, which a terminal of UTF-8 obeys as well", "\u009b31m\u009d0;a\u009c", "<U+009B>31m<U+009D>0;a<U+009C>"],
  ["CR and backspaces", "rm x\rls\b\b", "rm x^Mls^H^H"],
  ["DEL, NUL, bell, form feed, shift out", "\u007f\0\u0007\f\u000e", "^?^@^G^L^N"],
  ["marks of direction", "\u202efdp.exe\u2066\u200f\u061c", "<U+202E>fdp.exe<U+2066><U+200F><U+061C>"],
  ["line breaks of others", "a\u2028b\u2029c\u0085d", "a<U+2028>b<U+2029>c<U+0085>d"],
  ["colours", `${ESC}[31mred${ESC}[39m`, "^[[31mred^[[39m"],
  ["line breaks, tabs, lines of Windows", "a\r\nb\tc\n", "a\nb\tc\n"],
  ["letters of all kinds", "grün 日本語 🙂 ﷺ é", "grün 日本語 🙂 ﷺ é"],
])("%s", (_what, text, shown) => {
  expect(plainText(text)).toBe(shown);
});

test("our colours are let through, and no other attribute", () => {
  const ours = `${ESC}[1m${ESC}[31mA${ESC}[39m${ESC}[22m ${ESC}[29;1mB${ESC}[0m`;
  expect(colouredText(ours)).toBe(ours);
  for (const other of ["8", "5", "38;5;1", "41", "1;31", "", "0;1", "31;1;4"])
    expect(colouredText(`${ESC}[${other}mx`)).toBe(`^[[${other}mx`);
});

test("a colour that is not ended colours nothing behind its text", () => {
  expect(colouredText(`${ESC}[2mdim\n`)).toBe(`${ESC}[2mdim${ESC}[0m\n`);
  expect(colouredText(`${ESC}[31m${ESC}[1mx${ESC}[22m`)).toBe(`${ESC}[31m${ESC}[1mx${ESC}[22m${ESC}[0m`);
});

test("JSON is the same document, and holds nothing that a terminal obeys", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), (document) => {
      for (const indent of [undefined, 2]) {
        const text = jsonText(document, indent);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(document)));
        expect(text).not.toMatch(/[^\P{Cc}\n]|[\p{Bidi_Control}\u2028\u2029]/u);
      }
    }),
  );
});

test("nothing is left, whatever comes, and what is shown stays as it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(ESC, "[", "3", "1", ";", "m", "\r", "\n", "\u009b", "\u202e", "a") }), (text) => {
      const plain = plainText(text);
      expect(plain).not.toMatch(/[^\P{Cc}\n\t]|\p{Bidi_Control}/u);
      expect(plainText(plain)).toBe(plain);
      expect(colouredText(text).replaceAll(new RegExp(`${ESC}\\[(?:31|1|0)m`, "g"), "")).not.toMatch(/[^\P{Cc}\n\t]|\p{Bidi_Control}/u);
    }),
  );
});

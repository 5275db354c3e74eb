import type { Element } from "@xmldom/xmldom";

/** An element of XML as plain data: what libvirt writes needs neither namespaces nor mixed content. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Its text without that of its children, trimmed. */
  readonly text: string;
}

/**
 * Reads one document. The library is loaded here, since most verbs need none.
 *
 * @throws Error for text that is not a XML
 */
export async function readXml(text: string): Promise<XmlElement> {
  const { DOMParser, onErrorStopParsing } = await import("@xmldom/xmldom");
  const { documentElement } = new DOMParser({ onError: onErrorStopParsing }).parseFromString(text.trim(), "text/xml");
  if (documentElement === null) throw new Error("the document is empty");
  return plain(documentElement);
}

function plain(element: Element): XmlElement {
  const children: XmlElement[] = [];
  let text = "";
  for (let node = element.firstChild; node !== null; node = node.nextSibling) {
    if (node.nodeType === 1) children.push(plain(node as Element));
    else if (node.nodeType === 3 || node.nodeType === 4) text += node.nodeValue ?? "";
  }
  const attributes = Object.fromEntries([...element.attributes].map(({ name, value }) => [name, value]));
  return { name: element.tagName, attributes, children, text: text.trim() };
}

/** All elements at a path of names below an element: `xmlAll(domain, "devices/disk")`. */
export function xmlAll(element: XmlElement | undefined, path: string): readonly XmlElement[] {
  if (element === undefined) return [];
  let found: readonly XmlElement[] = [element];
  for (const name of path.split("/")) found = found.flatMap(({ children }) => children.filter((child) => child.name === name));
  return found;
}

/** The first of them. */
export function xmlFirst(element: XmlElement | undefined, path: string): XmlElement | undefined {
  return xmlAll(element, path)[0];
}

/** Text of the first of them; undefined where there is none or it is empty. */
export function xmlText(element: XmlElement | undefined, path: string): string | undefined {
  return xmlFirst(element, path)?.text || undefined;
}

/** An attribute of the first of them. */
export function xmlAttribute(element: XmlElement | undefined, path: string, attribute: string): string | undefined {
  return xmlFirst(element, path)?.attributes[attribute];
}

/** A text as the value of an attribute or of an element. */
export function xmlEscape(text: string): string {
  return text.replaceAll(/[&<>'"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  kb: 1e3,
  k: 1024,
  kib: 1024,
  mb: 1e6,
  m: 2 ** 20,
  mib: 2 ** 20,
  gb: 1e9,
  g: 2 ** 30,
  gib: 2 ** 30,
  tb: 1e12,
  t: 2 ** 40,
  tib: 2 ** 40,
};

/**
 * A size in bytes: `<memory unit='KiB'>2097152</memory>`. Undefined where there is none.
 *
 * @param unit of an element that names none: bytes for storage, KiB for memory of domains (https://libvirt.org/formatdomain.html)
 */
export function xmlBytes(element: XmlElement | undefined, path: string, unit: "bytes" | "KiB"): number | undefined {
  const found = xmlFirst(element, path);
  if (found === undefined) return undefined;
  const factor = UNITS[(found.attributes["unit"] ?? unit).toLowerCase()];
  const value = Number(found.text);
  return factor === undefined || found.text === "" || !Number.isFinite(value) ? undefined : value * factor;
}

/** What the beginning of an RDB file tells. */
export interface RdbHead {
  /** Of the format: 8 for Redis 4.0, 9 for 5.0 to 6.2, 10 for 7.0, 11 for 7.2, 12 for 7.4 (RDB_VERSION in rdb.h). */
  readonly version: number;
  /** Fields that its server wrote, for example `redis-ver`. */
  readonly fields: ReadonlyMap<string, string>;
  /** Keys of its first database, as they were when it was written (RESIZEDB); undefined where that lies beyond what was read, or the version does not write it. */
  readonly keys: number | undefined;
  /** How many of them have an end of their life: a server that loads the file leaves those out whose end has come. */
  readonly mortal: number | undefined;
}

// Opcodes: rdb.h of 4.0.14 to 7.2.
const AUX = 0xfa;
const SELECT = 0xfe;
const RESIZE = 0xfb;
const EOF = 0xff;
const FUNCTION = 0xf5;
const SLOT_INFO = 0xf4;
const MODULE_AUX = 0xf7;

/** Reads the beginning of an RDB file; undefined where it is none. Pure. */
export function readRdbHead(bytes: Buffer): RdbHead | undefined {
  const version = /^REDIS(?<version>\d{4})$/.exec(bytes.toString("latin1", 0, 9))?.groups?.["version"];
  if (version === undefined) return undefined;
  const fields = new Map<string, string>();
  const head = { version: Number(version), fields };
  try {
    const cursor = new Cursor(bytes, 9);
    for (;;) {
      switch (cursor.byte()) {
        case AUX: {
          const name = cursor.text();
          fields.set(name, cursor.text());
          break;
        }
        case FUNCTION:
          cursor.text();
          break;
        case MODULE_AUX:
          cursor.moduleData();
          break;
        case SELECT:
          cursor.length();
          break;
        case SLOT_INFO:
          for (let count = 0; count < 3; count += 1) cursor.length();
          break;
        case RESIZE:
          return { ...head, keys: cursor.length(), mortal: cursor.length() };
        case EOF:
          return { ...head, keys: 0, mortal: 0 };
        default:
          return { ...head, keys: undefined, mortal: undefined };
      }
    }
  } catch (error) {
    // It goes on behind what was read, or is damaged: a server tells.
    if (error instanceof RangeError) return { ...head, keys: undefined, mortal: undefined };
    throw error;
  }
}

/** Bytes at the end of an RDB file: the opcode EOF, and from version 5 on a CRC64 over all before it. */
export const RDB_TAIL = 9;

/** True where an RDB file ends as it has to. A file that was cut off does so by chance once in 256 times. */
export function hasRdbEnd(tail: Buffer): boolean {
  return tail.length >= RDB_TAIL && tail[tail.length - RDB_TAIL] === EOF;
}

/** What a file of data is, by its first bytes. An AOF that begins with an RDB says so in a field of that. */
export function kindOf(bytes: Buffer): "rdb" | "aof" | undefined {
  const head = readRdbHead(bytes);
  if (head !== undefined) return head.fields.get("aof-preamble") === "1" ? "aof" : "rdb";
  // Commands, or from 7.0 on annotations with times.
  return /^(\*\d+\r\n|#)/.test(bytes.toString("latin1", 0, 20)) ? "aof" : undefined;
}

/** Reads lengths and strings (rdbLoadLen and rdbGenericLoadStringObject in rdb.c). Throws RangeError behind the end. */
class Cursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  byte(): number {
    this.#at += 1;
    return this.#bytes.readUInt8(this.#at - 1);
  }

  length(): number {
    const { value, encoded } = this.#lengthOrEncoding();
    if (encoded) throw new RangeError("a length was expected");
    return value;
  }

  text(): string {
    const { value, encoded } = this.#lengthOrEncoding();
    if (!encoded) return this.#take(value).toString("latin1");
    if (value === 0) return String(this.#take(1).readInt8());
    if (value === 1) return String(this.#take(2).readInt16LE());
    if (value === 2) return String(this.#take(4).readInt32LE());
    // LZF: what is in it is not needed.
    const compressed = this.length();
    this.length();
    this.#take(compressed);
    return "";
  }

  /** What a module wrote for itself (rdbLoadCheckModuleValue in rdb.c): values, each with its type before it, up to a 0. */
  moduleData(): void {
    for (let count = 0; count < 3; count += 1) this.length();
    for (let type = this.length(); type !== 0; type = this.length()) {
      if (type === 3) this.#take(4);
      else if (type === 4) this.#take(8);
      else if (type === 5) this.text();
      else this.length();
    }
  }

  #take(count: number): Buffer {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new RangeError("the end was met");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  #lengthOrEncoding(): { readonly value: number; readonly encoded: boolean } {
    const first = this.byte();
    const low = first & 0x3f;
    switch (first >> 6) {
      case 0:
        return { value: low, encoded: false };
      case 1:
        return { value: (low << 8) | this.byte(), encoded: false };
      case 2:
        return { value: first === 0x81 ? Number(this.#take(8).readBigUInt64BE()) : this.#take(4).readUInt32BE(), encoded: false };
      default:
        return { value: low, encoded: true };
    }
  }
}

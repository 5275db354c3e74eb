/** The most that one reply may take in memory, in bytes. */
export const LONGEST_REPLY = 128 << 20;
/** The same where values are asked for, which have up to 512 MB each (proto-max-bulk-len in redis.conf). */
export const LONGEST_VALUE = 1 << 30;

/** More arrays within arrays than any command answers with: a Lua script gets to 200 (LUAI_MAXCCALLS). */
const DEEPEST = 1000;
/** What an item of an array takes, in bytes. */
const ITEM_BYTES = 8;
/** A length of more is none, so that one of any length stays a number. */
const LARGEST_LENGTH = 1e12;

const PLUS = 0x2b;
const MINUS = 0x2d;
const COLON = 0x3a;
const DOLLAR = 0x24;
const STAR = 0x2a;
const ZERO = 0x30;
const NINE = 0x39;
const CR = 0x0d;
const LF = 0x0a;

/** A reply that would take more than it may. */
export class ReplyTooLong extends Error {
  readonly longest: number;

  constructor(longest: number) {
    super(`a reply of more than ${longest} bytes`);
    this.longest = longest;
  }
}

/**
 * Counts what replies will take, before the decoder takes it: that one makes room for as many items as an array announces, a quarter of a gigabyte for eleven bytes, and keeps a value until its end comes. Reads
 * RESP2, as strictly as servers write it, so that both see the same lengths.
 */
export class ReplyBound {
  /** Bytes of a value that are to come, with its line end. */
  #value = 0;
  #used = 0;
  /** Of each array that is open, the items to come. */
  readonly #open: number[] = [];
  /** How a line begins that has not come to its end; undefined between two. */
  #type: number | undefined;
  /** Its number so far, and whether it is -1. */
  #number = 0;
  #digits = 0;
  #negative = false;
  #lineEnds = false;

  /** @throws ReplyTooLong; Error for what is not RESP2 */
  take(chunk: Buffer, longest: number): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#value > 0) {
        const step = Math.min(this.#value, chunk.length - at);
        at += step;
        this.#value -= step;
        if (this.#value === 0) this.#endItem();
      } else if (this.#type === undefined) {
        this.#beginLine(chunk[at] ?? 0);
        at += 1;
      } else if (this.#lineEnds) {
        if (chunk[at] !== LF) throw new Error("a line does not end");
        at += 1;
        this.#endLine(longest);
      } else if (this.#type === DOLLAR || this.#type === STAR) {
        const byte = chunk[at] ?? 0;
        at += 1;
        if (byte === CR) this.#lineEnds = true;
        else this.#readDigit(byte);
      } else {
        const end = chunk.indexOf(CR, at);
        const stop = end === -1 ? chunk.length : end;
        this.#use(stop - at, longest);
        this.#lineEnds = end !== -1;
        at = stop + (end === -1 ? 0 : 1);
      }
    }
  }

  #beginLine(type: number): void {
    if (type !== DOLLAR && type !== STAR && type !== PLUS && type !== MINUS && type !== COLON)
      // What begins with another character is for who asked for RESP3, and so not for us.
      throw new Error(`no reply begins with "${String.fromCharCode(type)}"`);
    this.#type = type;
    this.#number = 0;
    this.#digits = 0;
    this.#negative = false;
    this.#lineEnds = false;
  }

  #readDigit(byte: number): void {
    if (byte === MINUS && this.#digits === 0 && !this.#negative) {
      this.#negative = true;
      return;
    }
    this.#number = this.#number * 10 + byte - ZERO;
    this.#digits += 1;
    if (byte < ZERO || byte > NINE || this.#number > LARGEST_LENGTH) throw new Error("a length is not a number");
  }

  #endLine(longest: number): void {
    const type = this.#type;
    this.#type = undefined;
    if (type !== DOLLAR && type !== STAR) {
      this.#endItem();
      return;
    }
    const count = this.#number;
    // The decoder takes four characters for `-1` and its line end.
    if (this.#digits === 0 || (this.#negative && (count !== 1 || this.#digits !== 1))) throw new Error("a length is not a number");
    if (this.#negative || (type === STAR && count === 0)) this.#endItem();
    else if (type === DOLLAR) {
      this.#use(count, longest);
      this.#value = count + 2;
    } else {
      this.#use(count * ITEM_BYTES, longest);
      this.#open.push(count);
      if (this.#open.length > DEEPEST) throw new Error(`more than ${DEEPEST} arrays within arrays`);
    }
  }

  #use(bytes: number, longest: number): void {
    this.#used += bytes;
    if (this.#used > longest) throw new ReplyTooLong(longest);
  }

  #endItem(): void {
    for (let left = this.#open.pop(); left !== undefined; left = this.#open.pop()) {
      if (left > 1) {
        this.#open.push(left - 1);
        return;
      }
    }
    this.#used = 0;
  }
}

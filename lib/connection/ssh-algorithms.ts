/** Algorithms of one kind that both sides offer, as ssh2 names them while it looks for a common one. */
export interface AlgorithmLists {
  /** For example `key exchange algorithm`. */
  readonly kind: string;
  readonly ours: string;
  readonly theirs: string;
}

/** What is kept of a list, in characters: the other side may send as many as it likes. */
const LONGEST = 600;

/** Keeps the two lists that were compared last: where there is no common algorithm, they are what a person needs, and the error of ssh2 has neither. */
export class ComparedAlgorithms {
  private ours = "";
  private theirs = "";

  /** @param line of ssh2's debugging output (protocol/kex.js of 1.17) */
  note(line: string): void {
    const [, ours, theirs] = /^Handshake: (?:\(local\) [^:]+: (.*)|\(remote\) [^:]+: (.*))$/.exec(line) ?? [];
    if (ours !== undefined) this.ours = namesOf(ours);
    if (theirs !== undefined) this.theirs = namesOf(theirs);
  }

  /** @param message of ssh2's error; undefined for one of another kind */
  lists(message: string): AlgorithmLists | undefined {
    const [, kind] = /^Handshake failed: no matching (.+)$/.exec(message) ?? [];
    return kind === undefined ? undefined : { kind, ours: this.ours, theirs: this.theirs };
  }
}

/** Of a text that may be the server's: what is printable, as names of algorithms are (RFC 4251, 6), without what is offered in their place (`kex-strict-s-v00@openssh.com`). */
function namesOf(list: string): string {
  const algorithms = list.split(",").filter((name) => !/^(kex-strict|ext-info)-/.test(name));
  return algorithms
    .join(", ")
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, LONGEST);
}

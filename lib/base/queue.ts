/** Places of items that have gone which are kept, so that making room costs next to nothing for each item. */
const MOST_GONE = 16_384;

/** First in, first out, whatever its length: `shift` of an array of ten thousands moves all of them. */
export class Queue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    // One that is never empty would keep the place of all that ever was in it.
    if (this.#head === this.#items.length || (this.#head > MOST_GONE && this.#head * 2 > this.#items.length)) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}

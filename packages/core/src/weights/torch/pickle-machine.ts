/*
 * The part of Python's pickle, protocol 2, that torch.save writes (Python's Lib/pickletools.py describes the opcodes).
 * It builds numbers, strings, lists, tuples and dictionaries, and executes nothing: a global is only a name, and what
 * "calling" it means is decided by the reader's own `reduce`.
 */

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleGlobal
  | PickleValue[]
  | Map<PickleValue, PickleValue>
  | PickleObject;

/** A name such as `torch._utils._rebuild_tensor_v2`. */
export class PickleGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** Something that the reader made, in `reduce` or `persistent`. */
export abstract class PickleObject {
  abstract readonly isPickleObject: true;
}

export interface PickleReader {
  /** What calling a global with these arguments gives. @throws PickleError for one that is not known */
  reduce(callee: PickleGlobal, args: readonly PickleValue[]): PickleValue;
  /** What a persistent id stands for. */
  persistent(id: PickleValue): PickleValue;
}

/** What is wrong with a pickle, and at which byte. */
export class PickleError extends Error {
  constructor(
    message: string,
    readonly offset?: number,
  ) {
    super(message);
  }
}

const MARK = Symbol('mark');
type StackItem = PickleValue | typeof MARK;

/**
 * Reads one pickle.
 *
 * @param start where it begins in `bytes`
 * @returns its value and where the next thing begins
 * @throws PickleError with the offset; the work is bounded by the length of `bytes`
 */
export function unpickle(bytes: Uint8Array, start: number, reader: PickleReader): { value: PickleValue; end: number } {
  const machine = new Machine(bytes, start, reader);
  try {
    return machine.run();
  } catch (error) {
    if (error instanceof PickleError && error.offset === undefined)
      throw new PickleError(error.message, machine.opcodeAt);
    throw error;
  }
}

const OPCODES: Readonly<Record<string, (machine: Machine) => void>> = {
  '\x80': (m) => {
    const protocol = m.uint(1);
    if (protocol > 3) throw new PickleError(`pickle protocol ${protocol} is not known`);
  },
  N: (m) => m.push(null),
  '\x88': (m) => m.push(true),
  '\x89': (m) => m.push(false),
  K: (m) => m.push(m.uint(1)),
  M: (m) => m.push(m.uint(2)),
  J: (m) => m.push(m.uint(4) | 0),
  '\x8a': (m) => m.push(m.long(m.uint(1))),
  G: (m) => m.push(m.float64()),
  X: (m) => m.push(m.text(m.uint(4))),
  ']': (m) => m.push([]),
  ')': (m) => m.push([]),
  '}': (m) => m.push(new Map()),
  '(': (m) => m.push(MARK),
  t: (m) => m.push(m.popToMark()),
  '\x85': (m) => m.push(m.popMany(1)),
  '\x86': (m) => m.push(m.popMany(2)),
  '\x87': (m) => m.push(m.popMany(3)),
  a: (m) => {
    const item = m.pop();
    m.topList().push(item);
  },
  e: (m) => {
    const items = m.popToMark();
    const list = m.topList();
    for (const item of items) list.push(item);
  },
  s: (m) => {
    const [key, value] = m.popMany(2);
    m.topMap().set(key!, value!);
  },
  u: (m) => {
    const items = m.popToMark();
    if (items.length % 2 !== 0) throw new PickleError('a dictionary with a key and no value');
    const map = m.topMap();
    for (let i = 0; i < items.length; i += 2) map.set(items[i]!, items[i + 1]!);
  },
  q: (m) => m.memo.set(m.uint(1), m.top()),
  r: (m) => m.memo.set(m.uint(4), m.top()),
  h: (m) => m.recall(m.uint(1)),
  j: (m) => m.recall(m.uint(4)),
  c: (m) => m.push(new PickleGlobal(m.line(), m.line())),
  R: (m) => {
    const args = m.pop();
    const callee = m.pop();
    if (!(callee instanceof PickleGlobal) || !Array.isArray(args)) throw new PickleError('a call of what is no global');
    m.push(m.reader.reduce(callee, args));
  },
  // Sets attributes, such as the `_metadata` of a state dictionary: nothing here needs them.
  b: (m) => void m.pop(),
  Q: (m) => m.push(m.reader.persistent(m.pop())),
};

class Machine {
  readonly memo = new Map<number, PickleValue>();
  readonly #stack: StackItem[] = [];
  readonly #view: DataView;
  #at: number;
  opcodeAt: number;

  constructor(
    readonly bytes: Uint8Array,
    start: number,
    readonly reader: PickleReader,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = this.opcodeAt = start;
  }

  run(): { value: PickleValue; end: number } {
    for (;;) {
      this.opcodeAt = this.#at;
      const code = this.uint(1);
      if (code === 0x2e) return { value: this.pop(), end: this.#at };
      const opcode = OPCODES[String.fromCharCode(code)];
      if (!opcode) throw new PickleError(`opcode 0x${code.toString(16).padStart(2, '0')} is not one that torch writes`);
      opcode(this);
    }
  }

  /** The place of the next `count` bytes. */
  #take(count: number): number {
    const at = this.#at;
    if (count > this.bytes.length - at) throw new PickleError('the file ends within a pickle');
    this.#at = at + count;
    return at;
  }

  uint(width: 1 | 2 | 4): number {
    const at = this.#take(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at, true) : this.#view.getUint32(at, true);
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  /** A two's complement integer of any length: a number where it is a safe one. */
  long(length: number): number | bigint {
    const at = this.#take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[at + i]!);
    if (length > 0 && this.bytes[at + length - 1]! & 0x80) value -= 1n << BigInt(8 * length);
    return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value;
  }

  text(length: number): string {
    const at = this.#take(length);
    return new TextDecoder().decode(this.bytes.subarray(at, at + length));
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.#at);
    if (end < 0 || end - this.#at > 255) throw new PickleError('a name without an end');
    const text = this.text(end - this.#at);
    this.#take(1);
    return text;
  }

  push(item: StackItem): void {
    this.#stack.push(item);
  }

  pop(): PickleValue {
    const item = this.#stack.pop();
    if (item === undefined || item === MARK) throw new PickleError('the stack is empty');
    return item;
  }

  popMany(count: number): PickleValue[] {
    const items = Array.from({ length: count }, () => this.pop());
    return items.reverse();
  }

  popToMark(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw new PickleError('no mark on the stack');
    const items = this.#stack.splice(mark).slice(1);
    return items as PickleValue[];
  }

  top(): PickleValue {
    const item = this.#stack.at(-1);
    if (item === undefined || item === MARK) throw new PickleError('the stack is empty');
    return item;
  }

  topList(): PickleValue[] {
    const top = this.top();
    if (!Array.isArray(top)) throw new PickleError('items for what is no list');
    return top;
  }

  topMap(): Map<PickleValue, PickleValue> {
    const top = this.top();
    if (!(top instanceof Map)) throw new PickleError('entries for what is no dictionary');
    return top;
  }

  recall(index: number): void {
    const item = this.memo.get(index);
    if (item === undefined) throw new PickleError(`nothing was remembered as ${index}`);
    this.push(item);
  }
}

/**
 * C structures as data: one description gives the text for the C side, and reads and writes the same octets here.
 *
 * A description has no hidden octets: a member that is not at a multiple of its own size is an error, so that both sides
 * agree without a word about padding. Numbers are those of 64-bit little-endian Linux; `be16` and `be32` are in network order.
 */

const SCALARS = {
  u8: { octets: 1, text: '__u8' },
  u16: { octets: 2, text: '__u16' },
  u32: { octets: 4, text: '__u32' },
  u64: { octets: 8, text: '__u64' },
  be16: { octets: 2, text: '__be16' },
  be32: { octets: 4, text: '__be32' },
} as const;

/** A number. */
export type Scalar = keyof typeof SCALARS;
type Element = Scalar | Struct<Members>;
/** A member: one element, or an array of so many. */
export type Member = Element | readonly [element: Element, count: number];
/** Members by name, in order. */
export type Members = { readonly [name: string]: Member };

type ElementValue<E> = E extends 'u64' ? bigint : E extends Scalar ? number : E extends Struct<infer M> ? Value<M> : never;
/** What a structure `S` holds. */
export type ValueOf<S> = ElementValue<S>;
/** What a structure holds. Of an array that is written, what is left out is zero. */
export type Value<M extends Members> = {
  readonly [K in keyof M]: M[K] extends readonly [infer E, number] ? readonly ElementValue<E>[] : ElementValue<M[K]>;
};

interface Place {
  readonly name: string;
  readonly element: Element;
  /** Elements; 0: it is no array. */
  readonly count: number;
  readonly offset: number;
}

/** A structure, whatever its members. */
export type Definition = Pick<Struct<Members>, 'name' | 'size' | 'offsets' | 'text'>;

/** One structure. */
export class Struct<const M extends Members> {
  readonly name: string;
  readonly members: M;
  /** Octets. */
  readonly size: number;
  readonly #align: number;
  readonly #places: readonly Place[];

  /** `name` as C knows it. Throws a RangeError where C would leave a gap. */
  constructor(name: string, members: M) {
    let offset = 0;
    let align = 1;
    const places: Place[] = [];
    for (const [member, given] of Object.entries(members)) {
      const [element, count] = typeof given === 'object' && 'length' in given ? given : ([given, 0] as const);
      const unit = alignOf(element);
      if (offset % unit !== 0) throw new RangeError(`struct ${name}: a gap before ${member}`);
      places.push({ name: member, element, count, offset });
      offset += sizeOf(element) * Math.max(1, count);
      align = Math.max(align, unit);
    }
    if (offset % align !== 0) throw new RangeError(`struct ${name}: a gap at its end`);
    this.name = name;
    this.members = members;
    this.size = offset;
    this.#align = align;
    this.#places = places;
  }

  /** Octets of which its place in memory is a multiple. */
  get align(): number {
    return this.#align;
  }

  /** Where each member begins, in octets. */
  get offsets(): ReadonlyMap<string, number> {
    return new Map(this.#places.map(({ name, offset }) => [name, offset]));
  }

  /** The octets of `value`. */
  encode(value: Value<M>): Uint8Array {
    const octets = new Uint8Array(this.size);
    this.write(new DataView(octets.buffer), 0, value);
    return octets;
  }

  /** What `octets` hold, from `off` on. */
  decode(octets: Uint8Array, off = 0): Value<M> {
    return this.read(new DataView(octets.buffer, octets.byteOffset, octets.byteLength), off);
  }

  /** Writes `value` at `off`, over zeros. Throws a RangeError when an array is longer than its member. */
  write(view: DataView, off: number, value: Value<M>): void {
    for (const { name, element, count, offset } of this.#places) {
      const given = value[name] as unknown;
      const all = count === 0 ? [given] : (given as readonly unknown[]);
      if (all.length > Math.max(1, count)) throw new RangeError(`struct ${this.name}: ${all.length} of ${name}, at most ${count}`);
      for (const [i, one] of all.entries()) writeElement(view, off + offset + i * sizeOf(element), element, one);
    }
  }

  /** Reads what is at `off`. */
  read(view: DataView, off: number): Value<M> {
    const value: Record<string, unknown> = {};
    for (const { name, element, count, offset } of this.#places) {
      const at = (i: number) => readElement(view, off + offset + i * sizeOf(element), element);
      value[name] = count === 0 ? at(0) : Array.from({ length: count }, (_, i) => at(i));
    }
    return value as Value<M>;
  }

  /** Its definition in C, with assertions of size and offsets. */
  text(): string {
    const members = this.#places.map(({ name, element, count }) => {
      const type = typeof element === 'string' ? SCALARS[element].text : `struct ${element.name}`;
      return `\t${type} ${name}${count === 0 ? '' : `[${count}]`};`;
    });
    const asserted = this.#places.map(
      ({ name, offset }) => `_Static_assert(__builtin_offsetof(struct ${this.name}, ${name}) == ${offset}, "${this.name}.${name}");`,
    );
    return [
      `struct ${this.name} {`,
      ...members,
      '};',
      `_Static_assert(sizeof(struct ${this.name}) == ${this.size}, "${this.name}");`,
      ...asserted,
    ].join('\n');
  }
}

function sizeOf(element: Element): number {
  return typeof element === 'string' ? SCALARS[element].octets : element.size;
}

function alignOf(element: Element): number {
  return typeof element === 'string' ? SCALARS[element].octets : element.align;
}

function writeElement(view: DataView, at: number, element: Element, value: unknown): void {
  if (typeof element !== 'string') element.write(view, at, value as Value<Members>);
  else if (element === 'u64') view.setBigUint64(at, value as bigint, true);
  else if (element === 'u8') view.setUint8(at, value as number);
  else if (SCALARS[element].octets === 2) view.setUint16(at, value as number, element === 'u16');
  else view.setUint32(at, value as number, element === 'u32');
}

function readElement(view: DataView, at: number, element: Element): unknown {
  if (typeof element !== 'string') return element.read(view, at);
  if (element === 'u64') return view.getBigUint64(at, true);
  if (element === 'u8') return view.getUint8(at);
  return SCALARS[element].octets === 2 ? view.getUint16(at, element === 'u16') : view.getUint32(at, element === 'u32');
}

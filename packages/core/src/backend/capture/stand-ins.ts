import type { NativeBinding, TensorMetadata } from '../native/kernel-backend.js';

let last = -1;

/**
 * Tensors without memory. While a function is recorded, what its ops give is of no account, only of which shape and type:
 * a result gets a negative id, which tfjs keeps but never asks the addon to free, and an op that takes it is given
 * zeros of its shape, one tensor for all results of that shape. Else everything between input and gradient would lie in
 * memory at once.
 */
export class StandIns {
  readonly #keys = new Map<number, string>();
  readonly #zeros = new Map<string, number>();

  constructor(private readonly binding: NativeBinding) {}

  /** Frees a result and gives the id that stands for it. */
  replace({ id, shape, dtype }: TensorMetadata): TensorMetadata {
    const key = `${dtype}[${shape.join()}]`;
    if (!this.#zeros.has(key)) {
      const type = { name: 'T', type: this.binding.TF_ATTR_TYPE, value: dtype };
      this.#zeros.set(key, this.binding.executeOp('ZerosLike', [type], [id], 1)[0]!.id);
    }
    this.binding.deleteTensor(id);
    this.#keys.set(--last, key);
    return { id: last, shape, dtype };
  }

  has(id: number): boolean {
    return this.#keys.has(id);
  }

  /** The tensor to hand to an op: zeros for a result, everything else itself. */
  given(id: number): number {
    const key = this.#keys.get(id);
    return key === undefined ? id : this.#zeros.get(key)!;
  }

  dispose(): void {
    for (const id of this.#zeros.values()) this.binding.deleteTensor(id);
    this.#zeros.clear();
  }
}

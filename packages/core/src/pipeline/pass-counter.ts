/** Books forward passes and gradients to the rows of the batch in work. */
export class PassCounter {
  #forwards = new Float64Array(0);
  #gradients = new Float64Array(0);

  start(rows: number): void {
    this.#forwards = new Float64Array(rows);
    this.#gradients = new Float64Array(rows);
  }

  add(rows: ArrayLike<number>, cost: { readonly forwards: number; readonly gradients: number }): void {
    for (let i = 0; i < rows.length; i++) {
      this.#forwards[rows[i]!]! += cost.forwards;
      this.#gradients[rows[i]!]! += cost.gradients;
    }
  }

  of(row: number): { forwards: number; gradients: number } {
    return { forwards: this.#forwards[row] ?? 0, gradients: this.#gradients[row] ?? 0 };
  }
}

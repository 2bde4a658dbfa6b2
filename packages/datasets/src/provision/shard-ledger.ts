import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ShieldError, writeAtomically, type WrittenRecords } from '@shield/core';
import { shardName, type ShardPlan } from './shard-plan.js';

/** Beside the shards; what reads TFRecords passes over it. */
const FILE = 'provision.json';

interface Ledger {
  readonly format: 1;
  /** Of the plan. */
  readonly digest: string;
  readonly images: number;
  readonly shards: number;
  readonly done: Record<string, WrittenRecords>;
}

/**
 * Which shards of a plan are whole, kept in their folder: a provisioning that was killed goes on from it. A shard counts
 * as done with its line and a file of the size that the line says.
 */
export class ShardLedger {
  private constructor(
    private readonly folder: string,
    private readonly plan: ShardPlan,
    private readonly ledger: Ledger,
  ) {}

  /**
   * Opens the folder for a plan, and removes what a killed process left half written.
   *
   * @throws PROVISION_DIFFERS where the folder holds TFRecords of another plan, or some that nobody here wrote
   */
  static async open(folder: string, plan: ShardPlan): Promise<ShardLedger> {
    const names = await readdir(folder);
    const found = await readFile(join(folder, FILE), 'utf8').then(parse, () => undefined);
    const shards = names.filter((name) => /-\d{5}-of-\d{5}$/.test(name));
    const differs = (reason: string) => new ShieldError('PROVISION_DIFFERS', { path: folder, reason });
    if (!found && shards.length > 0) throw differs(`${shards[0]!} is there, and no ${FILE} that tells of it`);
    if (found && found.digest !== plan.digest) {
      throw differs(
        `${found.images} images in ${found.shards} shards, where ${plan.images.length} in ${plan.shards} are to be ` +
          'written, or others of that number (names, sizes, labels and boxes are compared)',
      );
    }
    const draft = /-\d{5}-of-\d{5}\.\d+\.[0-9a-f]{8}\.tmp$|^\.provision\.json\.\d+-\d+$/;
    const drafts = names.filter((name) => draft.test(name));
    for (const name of drafts) await rm(join(folder, name), { force: true });
    const { digest, images, shards: count } = { ...plan, images: plan.images.length };
    const ledger = new ShardLedger(folder, plan, { format: 1, digest, images, shards: count, done: found?.done ?? {} });
    await ledger.#forgetMissing();
    await ledger.#save();
    return ledger;
  }

  has(shard: number): boolean {
    return shardName(this.plan, shard) in this.ledger.done;
  }

  async add(shard: number, written: WrittenRecords): Promise<void> {
    this.ledger.done[shardName(this.plan, shard)] = written;
    await this.#save();
  }

  /** Of all that is done. */
  totals(): { readonly shards: number; readonly images: number; readonly bytes: number } {
    const all = Object.values(this.ledger.done);
    const sum = (of: (written: WrittenRecords) => number) => all.reduce((total, written) => total + of(written), 0);
    return { shards: all.length, images: sum(({ records }) => records), bytes: sum(({ bytes }) => bytes) };
  }

  async #forgetMissing(): Promise<void> {
    for (const [name, { bytes }] of Object.entries(this.ledger.done)) {
      const size = (await stat(join(this.folder, name)).catch(() => undefined))?.size;
      if (size !== bytes) delete this.ledger.done[name];
    }
  }

  #saving: Promise<void> = Promise.resolve();
  /** One after the other: several shards may end at once. */
  #save(): Promise<void> {
    const write = () => writeAtomically(join(this.folder, FILE), `${JSON.stringify(this.ledger, undefined, 1)}\n`);
    this.#saving = this.#saving.then(write, write);
    return this.#saving;
  }
}

function parse(text: string): Ledger | undefined {
  try {
    const ledger = JSON.parse(text) as Ledger;
    return ledger.format === 1 && typeof ledger.done === 'object' ? ledger : undefined;
  } catch {
    return undefined;
  }
}

import { KeptRows } from '../../pipeline/kept-rows.js';
import { FileDigests } from './file-digests.js';
import { KeptDatasets } from './kept-datasets.js';
import { KeptNetworks } from './kept-networks.js';

/** What the runs of one process have in common, as the cells of a sweep do. */
export class Kept {
  readonly networks: KeptNetworks;
  readonly datasets: KeptDatasets;
  readonly digests = new FileDigests();
  /** Of artifacts. */
  readonly rows: KeptRows | undefined;

  /** @param keeps false: all of it is one run's */
  constructor(keeps = true) {
    this.networks = new KeptNetworks(keeps);
    this.datasets = new KeptDatasets(keeps);
    this.rows = keeps ? new KeptRows() : undefined;
  }

  /** Lets go of everything, of what is in use when that is over. */
  close(): void {
    this.networks.close();
    this.datasets.close();
    this.rows?.clear();
  }
}

/** What the help says of every argument that names a run. */
export const RUN = 'run id, the beginning of one, its last six characters, or "latest"';

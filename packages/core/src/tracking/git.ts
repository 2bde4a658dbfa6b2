/** How long git may be silent. */
export const GIT_TIMEOUT_MS = 5000;

/** Top folder of the repository that holds `folder`, if there is one. */
export async function gitTop(folder: string): Promise<string | undefined> {
  return git(folder, ['rev-parse', '--show-toplevel']).then(
    (text) => text.trimEnd(),
    () => undefined,
  );
}

export async function git(folder: string, args: string[]): Promise<string> {
  return (await gitIn(folder)).raw(args);
}

export async function gitIn(folder: string, abort?: AbortSignal) {
  // Loaded here, not above: commands that make no run start without it.
  const { simpleGit } = await import('simple-git');
  const environment: Record<string, string> = { LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' };
  for (const name of ['PATH', 'HOME', 'USERPROFILE', 'SystemRoot']) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return simpleGit({
    baseDir: folder,
    timeout: { block: GIT_TIMEOUT_MS },
    allowEnvironment: ['GIT_OPTIONAL_LOCKS'],
    ...(abort ? { abort } : {}),
  }).env(environment);
}

export interface SetupFlags {
  readonly gpu?: boolean;
  readonly force?: boolean;
}

/** `shield setup` */
export async function setupCommand(flags: SetupFlags): Promise<void> {
  const { setupNative } = await import('../backend/index.js');
  const log = (message: string) => process.stderr.write(`${message}\n`);
  const installation = await setupNative({
    ...(flags.gpu === undefined ? {} : { gpu: flags.gpu }),
    ...(flags.force ? { force: true } : {}),
    log,
  });
  process.stdout.write(
    `the native backend is ready: TensorFlow ${installation.tensorflow} in ${installation.folder}\n`,
  );
}

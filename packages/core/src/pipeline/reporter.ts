/** What a run shows while it works; the terminal and tests implement it. */
export interface Reporter {
  stage(info: StageInfo): StageReporter;
  log(message: string): void;
  warn(message: string): void;
}

export interface StageInfo {
  /** "attack", "evaluate", … */
  readonly stage: string;
  /** What it works on: an attack's name, "clean", … */
  readonly name: string;
  /** Images in all, when that is known. */
  readonly total: number | undefined;
  /** What is counted; default "img". */
  readonly unit?: string;
}

export interface StageReporter {
  /** @param done images finished; @param note such as the running accuracy */
  update(done: number, note?: string): void;
  end(note?: string): void;
}

export const silentReporter: Reporter = {
  stage: () => ({ update: () => undefined, end: () => undefined }),
  log: () => undefined,
  warn: () => undefined,
};

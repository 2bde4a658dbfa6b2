"""Jobs that do nothing, swept by Hydra: the whole is timed from outside.

    python hydra_multirun.py -m 'job=range(0,20)' hydra/launcher=joblib hydra.launcher.n_jobs=1
"""

import hydra


@hydra.main(version_base=None, config_path=None, config_name=None)
def main(cfg):
    return None


if __name__ == "__main__":
    main()

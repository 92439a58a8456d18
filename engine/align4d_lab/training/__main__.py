"""python -m align4d_lab.training: the same as scripts/train_prior.py, in an environment that is already there."""

from .command import main

main()

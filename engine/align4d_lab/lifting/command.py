"""The command line of the motion prior's training: packs creatures, starts a process per GPU, reports."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from align4d.lifting.network import Lifter, LifterConfig

from ..ranks import joined, start
from .animations import Animations
from .evaluation import judge
from .pack import load_pack
from .settings import HELD_OUT, VALIDATION, LifterTrainingSettings
from .training import LifterTraining

REPORT_SECONDS = 120.0
"""Between two reports with held-out figures."""

JUDGED_CLIPS, JUDGED_CLIPS_AT_END = 256, 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of scripts/train_lifter.py."""
    parser.add_argument("--pack", type=Path, required=True, help="creatures, as scripts/pack_creatures.py writes them")
    parser.add_argument("--out", type=Path, required=True, help="folder of lifter.safetensors and log.jsonl")
    parser.add_argument("--minutes", type=float, default=17.0, help="of training, without the start; the learning rate falls to 0 at the end")
    parser.add_argument("--seed", type=int, default=LifterTrainingSettings.seed)
    parser.add_argument("--gpus", type=int, default=torch.cuda.device_count(), help="0 trains on the CPU, to try it")
    parser.add_argument("--eager", action="store_true", help="do not compile: slower, but starts at once")


def main() -> None:
    """Trains on all GPUs that were asked for."""
    parser = argparse.ArgumentParser(prog="train_lifter", description="Trains the motion prior on animated creatures.")
    add_arguments(parser)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    start(_train, arguments)


def _train(rank: int, arguments: argparse.Namespace, port: int) -> None:
    with joined(rank, arguments.gpus, port) as (device, ranks):
        torch.manual_seed(arguments.seed)
        settings = replace(LifterTrainingSettings(), seed=arguments.seed)
        pack = load_pack(arguments.pack)
        kept_out = {*HELD_OUT, *VALIDATION}
        trained_on = [str(name) for name in pack.names if name not in kept_out]
        training = LifterTraining(Lifter(LifterConfig()), Animations(pack, trained_on, device), settings, device, rank, ranks, not arguments.eager)
        judged = {"kept out": Animations(pack, kept_out, device), "trained on": training.animations} if rank == 0 else {}
        report = Report(training, arguments.out, judged)
        report.say({"settings": asdict(settings), "creatures": trained_on, "ranks": ranks})
        training.run(arguments.minutes * 60, report.after_step)
        report.finish({"recipe": json.dumps(asdict(settings)), "creatures": json.dumps(trained_on)})


class Report:
    """What rank 0 says and keeps while the training runs."""

    def __init__(self, training: LifterTraining, out: Path, judged: dict[str, Animations]) -> None:
        self.training, self.out, self.judged = training, out, judged
        self.began = self.said = time.monotonic()

    def after_step(self, done: float, terms: dict[str, Tensor]) -> None:
        """Now and then: how it goes, and the weights so far."""
        if not self.judged or time.monotonic() - self.said < REPORT_SECONDS:
            return
        self.training.export(self.out / "lifter.safetensors", {})
        self._figures(done, {name: round(float(term), 4) for name, term in terms.items()}, JUDGED_CLIPS)
        self.said = time.monotonic()

    def _figures(self, done: float, terms: dict[str, float], clips: int) -> None:
        training = self.training
        training.weights.swap()
        training.network.eval()
        figures = {name: judge(training.network, one, training.settings.scenes, clips) for name, one in self.judged.items()}
        training.network.train()
        training.weights.swap()
        seconds = round(time.monotonic() - self.began)
        self.say({"seconds": seconds, "done": round(done, 3), "step": training.step, **terms, **figures})

    def say(self, line: dict[str, object]) -> None:
        """A line of JSON, on the screen and in the log."""
        if not self.judged:
            return
        text = json.dumps(line)
        print(text, flush=True)
        with open(self.out / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(text + "\n")

    def finish(self, facts: dict[str, str]) -> None:
        """The weights to ship, and the last figures."""
        if self.judged:
            self.training.export(self.out / "lifter.safetensors", facts)
            self._figures(1.0, {}, JUDGED_CLIPS_AT_END)

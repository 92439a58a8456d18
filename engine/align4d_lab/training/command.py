"""The training's command line: starts a process per GPU, reports, checkpoints."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch
from torch import Tensor

from align4d.priors.embedded import WEIGHTS, load_network
from align4d.priors.embedded_network import NetworkConfig, NovelViewNetwork, grown

from ..ranks import joined, start
from .batches import held_out_batch, held_out_moves
from .settings import TrainingSettings
from .training import Training


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of scripts/train_prior.py."""
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint.safetensors, embedded.safetensors and log.jsonl")
    parser.add_argument("--minutes", type=float, default=20.0, help="of training, without the start; the learning rate falls to 0 at the end")
    parser.add_argument("--start", choices=("shipped", "scratch"), default="shipped", help="weights to start from where OUT holds no checkpoint")
    parser.add_argument("--seed", type=int, default=TrainingSettings.seed, help="another one for every restart: it decides which objects are seen")
    parser.add_argument("--objects", type=int, default=TrainingSettings.objects, help="per step and GPU")
    parser.add_argument("--gpus", type=int, default=torch.cuda.device_count(), help="0 trains on the CPU, to try it")
    parser.add_argument("--eager", action="store_true", help="do not compile: slower, but starts at once")
    parser.add_argument("--save-minutes", type=float, default=4.0, help="between checkpoints")


def main() -> None:
    """Trains on all GPUs that were asked for."""
    parser = argparse.ArgumentParser(prog="train_prior", description="Trains the embedded multiview prior on procedural objects.")
    add_arguments(parser)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    start(_train, arguments)


def _train(rank: int, arguments: argparse.Namespace, port: int) -> None:
    with joined(rank, arguments.gpus, port) as (device, ranks):
        torch.manual_seed(arguments.seed)
        torch.set_float32_matmul_precision("high")
        settings = replace(TrainingSettings(), seed=arguments.seed, objects=arguments.objects)
        network = grown(load_network(WEIGHTS), NetworkConfig()) if arguments.start == "shipped" else NovelViewNetwork(NetworkConfig())
        training = Training(network, settings, device, rank, ranks, compiled=not arguments.eager)
        checkpoint = arguments.out / "checkpoint.safetensors"
        if checkpoint.exists():
            training.resume(checkpoint)
        diary = Diary(training, arguments, checkpoint)
        training.run(arguments.minutes * 60, diary.after_step)
        diary.finish()


class Diary:
    """What rank 0 says and keeps while the training runs."""

    def __init__(self, training: Training, arguments: argparse.Namespace, checkpoint: Path) -> None:
        self.training, self.arguments, self.checkpoint = training, arguments, checkpoint
        self.speaks = training.rank == 0
        count = 128 if training.device.type == "cuda" else 4
        size = training.network.config.size
        self.held_out = [make(count, size, training.device) for make in (held_out_batch, held_out_moves)] if self.speaks else []
        self.began = self.said = self.saved = time.monotonic()
        self.steps_said = training.step
        self.say({"settings": asdict(training.settings), "ranks": training.ranks, "device": _name(training.device)})

    def after_step(self, done: float, loss: Tensor) -> None:
        """Says how it goes once a minute, saves now and then."""
        now = time.monotonic()
        if not self.speaks or now - self.said < 60:
            return
        views = (self.training.step - self.steps_said) * self.training.settings.objects * self.training.settings.targets * self.training.ranks
        speed = views / (now - self.said)
        self.report(done, loss=float(loss), views_per_second=round(speed))
        if now - self.saved > self.arguments.save_minutes * 60:
            self.training.save(self.checkpoint)
            self.saved = time.monotonic()
        self.said, self.steps_said = time.monotonic(), self.training.step

    def report(self, done: float, **figures: float) -> None:
        """A line with held-out figures."""
        judged = self.training.judge(*self.held_out)
        seconds = round(time.monotonic() - self.began)
        rounded = {name: round(value, 4) for name, value in judged.items()}
        self.say({"seconds": seconds, "done": round(done, 3), "step": self.training.step, "objects": self.training.objects, **figures, **rounded})

    def say(self, line: dict[str, object]) -> None:
        """A line of JSON, on the screen and in the log."""
        if not self.speaks:
            return
        text = json.dumps(line)
        print(text, flush=True)
        with open(self.arguments.out / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(text + "\n")

    def finish(self) -> None:
        """The last figures, the last checkpoint, and the weights to ship."""
        if not self.speaks:
            return
        self.report(1.0)
        self.training.save(self.checkpoint)
        facts = {"recipe": json.dumps(asdict(self.training.settings)), "trained_on": f"{self.training.ranks} x {_name(self.training.device)}"}
        self.training.export(self.arguments.out / "embedded.safetensors", facts)


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"

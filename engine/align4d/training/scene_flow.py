"""Training of the scene flow network, on one GPU or several (or, to try it, on a CPU)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..priors.scene_flow import network_input, read_output, save_scene_flow_network
from ..priors.scene_flow_network import SceneFlowNetwork
from .optimisation import FlatGradients, MovingAverage, make_optimisers
from .scene_flow_batches import FlowBatch, FlowBatches, held_out_flow
from .settings import TrainingSettings


@dataclass(frozen=True)
class FlowSettings:
    """Attributes:
    pairs: objects per step and GPU.
    depth: weight of the posed picture's depth beside the motion.
    optimiser: rates, decay and averaging, as the prior's.
    """

    pairs: int = 256
    depth: float = 0.3
    optimiser: TrainingSettings = TrainingSettings(rate=1e-3, warm_up=300, average=0.999)


def flow_error(network: Callable[[Tensor], Tensor], batch: FlowBatch, settings: FlowSettings, half: bool) -> Tensor:
    """Negative log-likelihood of the true motion and depth under Laplace distributions of the network's own scales."""
    with torch.autocast(batch.seen.device.type, torch.bfloat16, enabled=half):
        output = network(network_input(batch.pairs))
    flow = read_output(output)
    wrong = flow.motion - batch.motion
    plane, depth = (wrong[:, :2].square().sum(1) + 1e-8).sqrt(), wrong[:, 2].abs()
    in_plane = 2 * plane / flow.motion_scale[:, 0] + 2 * flow.motion_scale[:, 0].log()
    in_depth = depth / flow.motion_scale[:, 1] + flow.motion_scale[:, 1].log()
    posed = (flow.depth - batch.depth).abs() / flow.depth_scale + flow.depth_scale.log()
    return _mean(0.5 * in_plane + in_depth, batch.seen[:, 0]) + settings.depth * _mean(posed[:, 0], batch.posed_seen[:, 0])


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Over the pixels of each picture, then over the pictures: small objects count as much."""
    return ((values * where).sum((1, 2)) / where.sum((1, 2)).clamp_min(1)).mean()


@torch.no_grad()
def judge(network: SceneFlowNetwork, batch: FlowBatch, half: bool) -> dict[str, float]:
    """How much of the true motion is explained (1 - error / motion), whole and in depth alone, and the mean error of the posed depth."""
    parts = []
    for start in range(0, len(batch.seen), 64):
        some = slice(start, start + 64)
        pairs = type(batch.pairs)(**{name: value[some] for name, value in vars(batch.pairs).items()})
        with torch.autocast(batch.seen.device.type, torch.bfloat16, enabled=half):
            parts.append(network(network_input(pairs)).float())
    flow = read_output(torch.cat(parts))
    wrong, seen = flow.motion - batch.motion, batch.seen[:, 0]

    def total(vectors: Tensor) -> float:
        return float((vectors.norm(dim=1) * seen).sum())

    depth = ((flow.depth - batch.depth).abs() * batch.posed_seen).sum() / batch.posed_seen.sum()
    flat = (batch.depth.abs() * batch.posed_seen).sum() / batch.posed_seen.sum()
    return {
        "explained": 1 - total(wrong) / total(batch.motion),
        "in plane": 1 - total(wrong[:, :2]) / total(batch.motion[:, :2]),
        "in depth": 1 - total(wrong[:, 2:]) / total(batch.motion[:, 2:]),
        "posed depth": float(1 - depth / flat),
    }


class FlowTraining:
    """One rank's part of a run."""

    def __init__(
        self, network: SceneFlowNetwork, settings: FlowSettings, device: torch.device, rank: int = 0, ranks: int = 1, compiled: bool = False
    ) -> None:
        self.settings, self.device, self.rank, self.ranks = settings, device, rank, ranks
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # as channels_last
        self.average = MovingAverage(self.network, settings.optimiser.average)
        self.optimisers = make_optimisers(self.network, settings.optimiser)
        self.gradients = FlatGradients(self.network)
        self.forward: Callable[[Tensor], Tensor] = torch.compile(self.network) if compiled else self.network
        self.step = 0

    def run(self, seconds: float, out: Path) -> None:
        """Trains for `seconds`, counted from the end of the first steps (which compile), and leaves `out`/scene_flow.safetensors."""
        batches = FlowBatches(
            self.settings.pairs, self.network.config.size, self.settings.optimiser.seed, self.device, self.rank, self.ranks, first=0
        )
        held_out = held_out_flow(256 if self.device.type == "cuda" else 8, self.network.config.size, self.device) if self.rank == 0 else None
        began, said, done = None, time.monotonic(), 0.0
        while done < 1:
            loss = self.advance(batches.draw(), self.settings.optimiser.rate_at(self.step, done))
            if began is None and self.step >= 3:
                float(loss)
                began = time.monotonic()
            done = self._agreed(0.0 if began is None else (time.monotonic() - began) / seconds)
            if held_out is not None and (time.monotonic() - said > 45 or done >= 1):
                said = time.monotonic()
                self._say(out, held_out, loss, done)
        if self.rank == 0:
            self.export(out / "scene_flow.safetensors")

    def advance(self, batch: FlowBatch, rate: float) -> Tensor:
        """One step; returns its loss, on the device."""
        loss = flow_error(self.forward, batch, self.settings, self.device.type == "cuda")
        loss.backward()
        self.gradients.average_and_clip(self.ranks, self.settings.optimiser.clip)
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
        self.gradients.clear()
        self.average.update(self.network, self.step)
        self.step += 1
        return loss.detach()

    def export(self, path: Path) -> None:
        """The averaged weights, as the product ships them."""
        facts = {
            "recipe": json.dumps(asdict(self.settings)),
            "steps": str(self.step),
            "objects": str(self.step * self.settings.pairs * self.ranks),
        }
        self.average.swap(self.network)
        save_scene_flow_network(self.network, path, facts)
        self.average.swap(self.network)

    def _agreed(self, done: float) -> float:
        """Rank 0's clock, every 20 steps: all ranks stop at the same step."""
        if self.ranks == 1:
            return done
        if self.step % 20:
            return min(done, 0.999)
        shared = torch.tensor([done], device=self.device)
        torch.distributed.broadcast(shared, 0)
        return float(shared)

    def _say(self, out: Path, held_out: FlowBatch, loss: Tensor, done: float) -> None:
        """A line of JSON, on the screen and in the log, and the weights so far."""
        self.average.swap(self.network)
        figures = judge(self.network, held_out, self.device.type == "cuda")
        self.average.swap(self.network)
        line = {"done": round(done, 3), "step": self.step, "loss": round(float(loss), 4), **{name: round(value, 4) for name, value in figures.items()}}
        print(json.dumps(line), flush=True)
        with open(out / "scene_flow.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        self.export(out / "scene_flow.safetensors")

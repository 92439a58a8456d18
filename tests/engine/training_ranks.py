"""One process of a training of several: in a module of its own, so that a process that is started anew can import it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from align4d_lab.training.settings import TrainingSettings
from align4d_lab.training.training import Training

from align4d.priors.embedded_network import NetworkConfig, NovelViewNetwork

SMALL = NetworkConfig(size=32, widths=(16, 32, 32), head=16, embedding=16, blocks=(1, 1, 1), convolutions=(1, 1))
SETTINGS = replace(TrainingSettings(), objects=4, targets=2, warm_up=5, supersampling=1)
CPU = torch.device("cpu")


def train(rank: int, ranks: int, folder: Path) -> None:
    """Trains for a moment without a GPU; keeps the weights, the objects used and the parts of the run in FOLDER/RANK.pt."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=(folder / "meeting").as_uri(), rank=rank, world_size=ranks)
    torch.manual_seed(0)
    one = Training(NovelViewNetwork(SMALL), SETTINGS, CPU, rank, ranks)
    parts: list[float] = []
    one.run(1.0, lambda done, loss: parts.append(done))
    torch.save({"weights": one.network.state_dict(), "objects": one.objects, "parts": parts}, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()

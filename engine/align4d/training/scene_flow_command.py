"""The command line of the scene flow's training: a process per GPU."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import torch
from torch.multiprocessing.spawn import spawn

from ..priors.scene_flow import WEIGHTS, load_scene_flow_network
from ..priors.scene_flow_network import SceneFlowNetwork
from .command import free_port
from .scene_flow import FlowSettings, FlowTraining


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of scripts/train_scene_flow.py."""
    parser.add_argument("--out", type=Path, required=True, help="folder of scene_flow.safetensors and scene_flow.jsonl")
    parser.add_argument("--minutes", type=float, default=15.0, help="of training, without the start; the learning rate falls to 0 at the end")
    parser.add_argument("--start", type=Path, help=f"weights to go on from, such as {WEIGHTS.name} that ships; else from none")
    parser.add_argument("--seed", type=int, default=1, help="another one for every run that goes on: it decides which objects are seen")
    parser.add_argument("--pairs", type=int, default=FlowSettings.pairs, help="objects per step and GPU")
    parser.add_argument("--gpus", type=int, default=torch.cuda.device_count(), help="0 trains on the CPU, to try it")
    parser.add_argument("--eager", action="store_true", help="do not compile: slower, but starts at once")


def main() -> None:
    """Trains on all GPUs that were asked for."""
    parser = argparse.ArgumentParser(prog="train_scene_flow", description="Trains the scene flow network on posed procedural objects.")
    add_arguments(parser)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.gpus <= 1:
        _train(0, arguments, 0)
    else:
        spawn(_train, (arguments, free_port()), arguments.gpus)


def _train(rank: int, arguments: argparse.Namespace, port: int) -> None:
    ranks = max(1, arguments.gpus)
    device = torch.device("cuda", rank) if arguments.gpus else torch.device("cpu")
    if ranks > 1:
        torch.cuda.set_device(device)
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        torch.distributed.init_process_group("nccl", rank=rank, world_size=ranks)
    torch.manual_seed(arguments.seed)
    torch.set_float32_matmul_precision("high")
    settings = FlowSettings(pairs=arguments.pairs)
    settings = replace(settings, optimiser=replace(settings.optimiser, seed=arguments.seed))
    network = load_scene_flow_network(arguments.start) if arguments.start else SceneFlowNetwork()
    FlowTraining(network, settings, device, rank, ranks, compiled=not arguments.eager).run(arguments.minutes * 60, arguments.out)
    if ranks > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()

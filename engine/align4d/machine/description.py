"""What a measurement was made on."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from ..rendering.cpu.threads import core_count


def machine(device: str) -> str:
    """Processor, cores and GPU in one line."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    gpu = f", {torch.cuda.get_device_name()}" if device == "cuda" else ""
    return f"{model}, {core_count()} cores{gpu}"

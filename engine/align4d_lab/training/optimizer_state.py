"""The state of a torch optimizer as plain arrays, for the checkpoint."""

from __future__ import annotations

import numpy as np
import torch


def optimizer_arrays(optimizer: torch.optim.Optimizer, prefix: str) -> dict[str, np.ndarray]:
    """Moments and step counts as "prefix.PARAMETER.NAME"."""
    state = optimizer.state_dict()["state"]
    return {f"{prefix}.{index}.{name}": torch.as_tensor(value).cpu().numpy() for index, one in state.items() for name, value in one.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, prefix: str, arrays: dict[str, np.ndarray]) -> None:
    """From `optimizer_arrays`; the optimizer has the same parameters in the same order."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, array in arrays.items():
        if name.startswith(f"{prefix}."):
            _, index, key = name.rsplit(".", 2)
            state.setdefault(int(index), {})[key] = torch.from_numpy(np.array(array))
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})

"""The step benchmark: a gradient's time goes to the part that made it necessary."""

from __future__ import annotations

import pytest
import torch
from torch.profiler import record_function

from benchmarks import step_profile, step_scene


def two_parts() -> None:
    """A matrix product in the field, a larger one in the prior without a gradient, and a cube in neither."""
    weight, points = torch.ones(400, 400, requires_grad=True), torch.ones(400, 400)
    with record_function(step_profile.MARK + "field"):
        inner = points @ weight
    with torch.no_grad(), record_function(step_profile.MARK + "prior"):
        torch.ones(1200, 1200) @ torch.ones(1200, 1200)
    (inner**3).sum().backward()


def names_of(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[str]]:
    """What was counted for each part, by the names of the events."""
    found: dict[str, set[str]] = {}
    part_of = step_profile._part

    def noted(event: torch.autograd.profiler_util.FunctionEvent, owners: dict[int, str]) -> str | None:
        part = part_of(event, owners)
        found.setdefault(str(part), set()).add(event.name)
        return part

    monkeypatch.setattr(step_profile, "_part", noted)
    step_profile.profiled(two_parts, 3, "cpu", None)
    return found


def test_a_gradient_belongs_to_the_part_of_its_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    found = names_of(monkeypatch)
    backward = step_profile.BACKWARD
    assert backward + "MmBackward0" in found["field"] and backward + "PowBackward0" not in found["field"]
    assert {backward + "PowBackward0", backward + "SumBackward0"} <= found["rest"]
    assert not any(name.startswith(backward) for name in found["prior"])


def test_the_parts_are_the_whole() -> None:
    two_parts()
    parts = step_profile.profiled(two_parts, 5, "cpu", None)["cpu"]
    assert all(parts[name] > 0 for name in ("field", "prior", "rest")) and parts["rasteriser"] == 0
    assert parts["prior"] > parts["field"]  # 27 times the work, once in the place of twice


def test_the_object_is_as_large_as_an_asset() -> None:
    gaussians = step_scene.surface_gaussians(2000, "cpu")
    sides = gaussians.centres.amax(0) - gaussians.centres.amin(0)
    assert 0.7 < float(sides.max()) < 1.05 and gaussians.count == 2000
    assert all(torch.isfinite(tensor).all() for tensor in gaussians.named().values())

"""The laboratory of the motion prior: creatures out of glTF, clips out of creatures, and that training on them helps."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from align4d_lab.lifting.animations import Animations, VariationSettings
from align4d_lab.lifting.evaluation import judge
from align4d_lab.lifting.gltf_creature import read_creature, skinned
from align4d_lab.lifting.loss import lifter_loss
from align4d_lab.lifting.pack import POINTS, Pack, load_pack, pack
from align4d_lab.lifting.scenes import SceneSettings, plain_scenes, varied_scenes
from align4d_lab.lifting.settings import LifterTrainingSettings, Shape
from align4d_lab.lifting.tracker_errors import ErrorSettings
from align4d_lab.lifting.training import LifterTraining

from align4d.lifting.network import DepthModes, Lifter, LifterConfig
from align4d.lifting.tokens import project
from align4d.lifting.weights import load_lifter

SMALL = LifterConfig(width=32, depth=1, heads=2, hidden=32)
FRAMES = 12


class Worm:
    """A chain of three bones with a tube of skin around it, and a hat that is fixed to the last; two actions."""

    def __init__(self, folder: Path) -> None:
        self.data = bytearray()
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, object]] = []
        ring = np.array([(math.cos(turn), math.sin(turn)) for turn in np.linspace(0, 2 * math.pi, 8, endpoint=False)])
        levels = np.linspace(0, 3, 13)
        tube = np.array([(0.3 * x, level, 0.3 * y) for level in levels for x, y in ring], np.float32)
        faces = [
            (8 * row + a, 8 * row + 8 + a, 8 * row + b)
            for row in range(12)
            for a, b in [(i, (i + 1) % 8) for i in range(8)] + [((i + 1) % 8, i) for i in range(8)]
        ]
        joints = np.zeros((len(tube), 4), np.uint8)
        joints[:, 0] = np.minimum(tube[:, 1].astype(int), 2)
        joints[:, 1] = np.minimum(joints[:, 0] + 1, 2)
        weights = np.zeros((len(tube), 4), np.float32)
        weights[:, 1] = np.clip(tube[:, 1] - joints[:, 0], 0, 1) * 0.5
        weights[:, 0] = 1 - weights[:, 1]
        inverse = np.stack([np.eye(4, dtype=np.float32) for _ in range(3)])
        inverse[:, 3, 1] = -np.arange(3)  # column by column: the last row holds the translation
        hat = np.array([(0, 0, 0), (0.4, 0, 0), (0, 0.4, 0), (0, 0, 0.4)], np.float32)
        skin = {"POSITION": self.add(tube), "JOINTS_0": self.add(joints), "WEIGHTS_0": self.add(weights)}
        meshes = [
            {"primitives": [{"attributes": skin, "indices": self.add(np.array(faces, np.uint16).reshape(-1, 1))}]},
            {"primitives": [{"attributes": {"POSITION": self.add(hat)}, "indices": self.add(np.array([[0], [1], [2], [0], [2], [3]], np.uint16))}]},
        ]
        nodes = [
            {"name": "worm", "children": [1, 4], "scale": [2, 2, 2]},
            {"name": "low", "children": [2]},
            {"name": "middle", "children": [3], "translation": [0, 1, 0]},
            {"name": "high", "children": [5], "translation": [0, 1, 0]},
            {"name": "skin", "mesh": 0, "skin": 0},
            {"name": "hat", "mesh": 1, "translation": [0, 1, 0]},
        ]
        actions = [self.action("bend", 2, 2, 0.9), self.action("nod", 3, 0, 0.6)]
        scene = {
            "asset": {"version": "2.0"},
            "nodes": nodes,
            "meshes": meshes,
            "skins": [{"joints": [1, 2, 3], "inverseBindMatrices": self.add(inverse.reshape(3, 16), "MAT4")}],
            "animations": actions,
        }
        tables = {"accessors": self.accessors, "bufferViews": self.views, "buffers": [{"byteLength": len(self.data), "uri": "worm.bin"}]}
        self.path = folder / "Worm.gltf"
        (folder / "worm.bin").write_bytes(self.data)
        self.path.write_text(json.dumps(scene | tables))

    def add(self, values: np.ndarray, kind: str = "") -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        component = {np.dtype(np.float32): 5126, np.dtype(np.uint8): 5121, np.dtype(np.uint16): 5123}[values.dtype]
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": values.nbytes})
        self.data += values.tobytes()
        kind = kind or {1: "SCALAR", 3: "VEC3", 4: "VEC4"}[values.shape[1]]
        self.accessors.append({"bufferView": len(self.views) - 1, "componentType": component, "count": len(values), "type": kind})
        return len(self.accessors) - 1

    def action(self, name: str, node: int, axis: int, most: float) -> dict[str, object]:
        times = np.arange(FRAMES, dtype=np.float32)[:, None] / 24
        half = most * np.sin(times[:, 0] / times[-1, 0] * math.pi) / 2
        turns = np.zeros((FRAMES, 4), np.float32)
        turns[:, axis], turns[:, 3] = np.sin(half), np.cos(half)
        sampler = {"input": self.add(times), "output": self.add(turns)}
        return {"name": name, "samplers": [sampler], "channels": [{"sampler": 0, "target": {"node": node, "path": "rotation"}}]}


@pytest.fixture(scope="module")
def worms(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    folder = tmp_path_factory.mktemp("worm")
    worm = read_creature(Worm(folder).path, "Worm")
    pack([worm, replace(worm, name="Twin")]).save(folder / "worms.npz")
    return load_pack(folder / "worms.npz")


def test_a_creature_is_its_surface_and_its_actions(tmp_path: Path) -> None:
    creature = read_creature(Worm(tmp_path).path, "Worm")
    assert [one.name for one in creature.actions] == ["bend", "nod"] and len(creature.actions[0].poses) == FRAMES
    assert creature.points.shape == (POINTS, 3) and np.ptp(creature.points, axis=0).max() == pytest.approx(1, abs=0.05)
    np.testing.assert_allclose(creature.weights.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(creature.normals, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(skinned(creature, creature.bind[None])[0], creature.points, atol=1e-6)
    nod = skinned(creature, creature.actions[1].poses)
    low = creature.points[:, 2] < -0.3  # it stands upright: glTF's +Y has become +Z
    assert np.abs(nod[:, low] - creature.points[low]).max() < 1e-6
    assert np.linalg.norm(nod[FRAMES // 2] - creature.points, axis=1).max() > 0.1


def test_clips_are_the_actions_where_nothing_is_varied(worms: Pack, tmp_path: Path) -> None:
    animations = Animations(worms, ["Worm"], "cpu")
    torch.manual_seed(0)
    posed = animations.pose(6, FRAMES, 64, None)
    assert (posed.creature == 0).all() and posed.points.shape == (6, FRAMES + 1, 64, 3)
    creature = read_creature(Worm(tmp_path).path, "Worm")
    actions = np.concatenate([skinned(creature, one.poses) for one in creature.actions])
    farthest = np.abs(actions - creature.points).max()
    moved = (posed.points[:, :-1] - posed.points[:, -1:]).norm(dim=-1).amax()
    assert 0.5 * farthest < moved < 1.8 * farthest


def test_a_name_that_is_not_there_is_refused(worms: Pack) -> None:
    with pytest.raises(ValueError, match="in the pack"):
        Animations(worms, ["Dragon"], "cpu")


def test_variation_keeps_bones_together(worms: Pack) -> None:
    """However a clip is varied, points at one place of the skin stay within reach of each other."""
    torch.manual_seed(0)
    posed = Animations(worms, ["Worm"], "cpu").pose(16, 8, POINTS, VariationSettings())
    assert posed.points.isfinite().all()
    bound = posed.points[:, -1]
    near = torch.cdist(bound, bound) < 0.02
    apart = torch.cdist(posed.points[:, 4], posed.points[:, 4])
    assert apart[near].max() < 0.25
    torch.testing.assert_close(posed.normals.norm(dim=-1), torch.ones(16, 9, POINTS))


def test_an_exact_tracker_sees_what_is_there(worms: Pack) -> None:
    animations = Animations(worms, ["Worm"], "cpu")
    torch.manual_seed(1)
    scenes = plain_scenes(animations, 4, 8, 32, SceneSettings(), None)
    tracks = scenes.tracks
    place = tracks.rest[:, None, :, 2] + scenes.depth
    torch.testing.assert_close(tracks.depth, scenes.depth)
    assert (scenes.depth[:, 0].abs() < 1e-6).all()  # it rests as in the first frame
    torch.testing.assert_close(tracks.picture[:, 0], project(tracks.rest, tracks.distance)[0])
    low, high = tracks.rest.amin((1, 2)), tracks.rest.amax((1, 2))
    assert (high - low).max() < 1.8 and place.abs().max() < 2


def test_errors_of_the_tracker_grow_from_the_rest_pose(worms: Pack) -> None:
    animations = Animations(worms, ["Worm"], "cpu")
    settings = SceneSettings()
    pictures = []
    for errors in (None, ErrorSettings(least=0.3, most=0.31, jitter=0.0, lagging=0.0)):
        torch.manual_seed(2)
        pictures.append(plain_scenes(animations, 8, 12, 32, settings, errors).tracks)
    off = (pictures[1].picture - pictures[0].picture).norm(dim=-1).mean((0, 2))
    assert off[0] < 1e-6 < off[-1] and off[6:].mean() > off[1]
    found, true = pictures[1].depth, pictures[0].depth
    assert (found - true)[:, 0].abs().max() < 1e-5 and (found - true)[:, 6:].abs().mean() > 0.1 * true[:, 6:].abs().mean()


def test_the_loss_is_least_at_the_truth(worms: Pack) -> None:
    torch.manual_seed(0)
    scenes = varied_scenes(Animations(worms, ["Worm"], "cpu"), 4, 8, 32, SceneSettings())

    def loss(depth: torch.Tensor) -> float:
        modes = DepthModes(torch.stack([depth, depth + 1], -1), torch.full((*depth.shape, 2), 0.05), torch.tensor([0.5, 0.5]).log().expand(4, 32, 2))
        return float(sum(lifter_loss(modes, scenes.tracks, scenes.depth).values()))

    assert loss(scenes.depth) < loss(0.8 * scenes.depth) < loss(torch.zeros_like(scenes.depth)) + 1e-6


def test_training_lowers_the_error_and_exports_the_average(worms: Pack, tmp_path: Path) -> None:
    settings = LifterTrainingSettings(warm_up=5, average=0.9, shapes=(Shape(8, 8, 24, 1.0),), rate=3e-3)
    torch.manual_seed(0)
    animations = Animations(worms, ["Worm", "Twin"], "cpu")
    training = LifterTraining(Lifter(SMALL), animations, settings, torch.device("cpu"))
    losses = [float(sum(training.advance(0, settings.rate_at(step, 0.0)).values())) for step in range(40)]
    assert np.mean(losses[-8:]) < np.mean(losses[:8]) - 0.2
    training.export(tmp_path / "own.safetensors", {"pack": "worms"})
    exported = load_lifter("cpu", tmp_path / "own.safetensors")
    assert (exported.entry.weight - training.network.entry.weight).abs().max() > 1e-4
    figures = judge(exported, animations, settings.scenes, clips=8, frames=8, points=24, batch=8)
    assert set(figures) == {"exact", "tracked", "tracked, with its depth"} and all(0 < one["error"] < 3 for one in figures.values())

"""The artist's own bones: their weights say what moves as one, their heads about what it turns, however the mesh looks."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from builders import Job, box, mesh_arrays
from puppets import Mesh, block, joined, puppet
from scipy.sparse import csr_matrix
from test_pipeline import Shoot

from align4d import protocol
from align4d.alignment.pose_levers import FIRM, firmness
from align4d.errors import EngineError
from align4d.inputs.asset import load_asset
from align4d.job.reporting import RecordingReporter
from align4d.motion.bones import parts_of_bones
from align4d.motion.mirror import find_twins
from align4d.motion.parts import Parts, PartSettings
from align4d.motion.sides import other_side
from align4d.motion.surface_graph import SurfaceGraph, build_surface_graph
from align4d.pipeline import artist
from align4d.pipeline.articulation import Articulation
from align4d.pipeline.settings import settings_for

BAR = block((1.0, 0.2, 0.2), (0.0, 0.0, 0.0))


def parts_with(mesh: Mesh, weights: np.ndarray) -> tuple[SurfaceGraph, Parts | None]:
    surface = build_surface_graph(*mesh)
    return surface, parts_of_bones(surface, PartSettings(), mesh[0], csr_matrix(weights))


def ramp(vertices: np.ndarray) -> np.ndarray:
    """(V, 3): the left bone, the right one, and a fingertip's at the right end."""
    right = np.clip(0.5 + vertices[:, 0] / 0.2, 0, 1)
    tip = (vertices[:, 0] > 0.499) & (vertices[:, 1] > 0.09) & (vertices[:, 2] > 0.09)
    return np.stack([1 - right, right * ~tip, tip], 1)


def test_bones_cut_where_the_artist_did() -> None:
    surface, parts = parts_with(BAR, ramp(BAR[0]))
    assert parts is not None and parts.count == 2, "a bone of a corner is no part"
    away = np.abs(surface.nodes[:, 0]) > 0.03
    left = parts.label[surface.nodes[:, 0].argmin()]
    assert np.array_equal(parts.label[away] == left, surface.nodes[away, 0] < 0)
    np.testing.assert_allclose(parts.weights.sum(1), 1, atol=1e-5)
    nodes = surface.nearest(BAR[0])
    own = ramp(BAR[0])
    plain = own[:, 2] == 0
    np.testing.assert_allclose(parts.weights[nodes][plain][:, left], own[plain, 0], atol=0.01)


def test_what_no_bone_moves_goes_with_its_neighbor() -> None:
    hat = block((0.1, 0.1, 0.1), (0.45, 0.0, 0.16))
    mesh = joined(BAR, hat)
    weights = np.concatenate([ramp(BAR[0]), np.zeros((len(hat[0]), 3))])
    surface, parts = parts_with(mesh, weights)
    assert parts is not None
    on_hat = surface.nodes[:, 2] > 0.12
    assert on_hat.any() and set(parts.label[on_hat]) == {parts.label[surface.nodes[:, 0].argmax()]}


@pytest.mark.parametrize("bare", ["mostly", "one bone"])
def test_a_mesh_that_is_hardly_rigged_is_cut_by_its_shape(bare: str) -> None:
    weights = ramp(BAR[0])
    if bare == "mostly":
        weights[BAR[0][:, 0] < 0.3] = 0
    else:
        weights = weights[:, :1] + 1
    assert parts_with(BAR, weights)[1] is None


def add(job: Job, mesh: Mesh, bones: dict[str, np.ndarray] | None, matrix: np.ndarray | None = None) -> None:
    job.add(mesh_arrays(*mesh), matrix)
    if bones is not None:
        path = f"input/bones{len(job.objects)}.npz"
        protocol.write_arrays(job.folder / path, bones)
        last = job.objects[-1]
        job.objects[-1] = protocol.ObjectSpec(last.id, last.name, last.mesh, last.matrix_world, last.materials, path)


def stored(names: list[str], weights: np.ndarray, parent: list[int] | None = None, head: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Arrays of a rig; without `parent` and `head` a chain of bones that all begin in the middle."""
    vertex, bone = (index.astype(np.int32) for index in np.nonzero(weights))
    hung = np.arange(-1, len(names) - 1, dtype=np.int32) if parent is None else np.array(parent, np.int32)
    begins = np.zeros((len(names), 3)) if head is None else head
    arrays = {"names": np.array(names), "parent": hung, "head": begins.astype(np.float32)}
    return {**arrays, "vertex": vertex, "bone": bone, "weight": weights[vertex, bone].astype(np.float32)}


def test_objects_on_one_armature_share_its_bones(tmp_path: Path) -> None:
    """Each object has them in an order and a space of its own."""
    job, (vertices, triangles) = Job(tmp_path), BAR
    head = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]])
    add(job, BAR, stored(["Rig/l", "Rig/r", "Rig/tip"], ramp(vertices), [-1, 0, 1], head))
    lifted = np.eye(4)
    lifted[:3] = 2 * lifted[:3]
    lifted[2, 3] = 1.0
    others = stored(["Rig/l", "Rig/a", "Rig/r"], np.ones((len(vertices), 3)) * [0, 0, 1], [-1, -1, 0], (head[[0, 2, 1]] - [0, 0, 1.0]) / 2)
    add(job, BAR, others, lifted)
    add(job, (vertices + [0, 0, 2.0], triangles), None)
    rig = load_asset(job.request(), tmp_path).rig
    assert rig is not None and rig.weights.shape == (3 * len(vertices), 4) and rig.names == ("Rig/a", "Rig/l", "Rig/r", "Rig/tip")
    dense = rig.weights.toarray()
    np.testing.assert_allclose(dense[: len(vertices), 1:], ramp(vertices), atol=1e-6)
    assert (dense[len(vertices) : 2 * len(vertices)] == [0, 0, 1, 0]).all() and not dense[2 * len(vertices) :].any()
    assert rig.parent.tolist() == [-1, -1, 1, 2]
    np.testing.assert_allclose(rig.head, head[[2, 0, 1, 2]], atol=1e-6)


def test_the_body_is_as_it_was_rigged(tmp_path: Path) -> None:
    """Two bones cut a cube in two halves, whatever its shape tells; these hang on nothing, and turn where the halves meet."""
    cube = block((1.0, 1.0, 1.0), (0, 0, 0))
    halves = np.stack([cube[0][:, 2] < 0, cube[0][:, 2] >= 0], 1).astype(float)
    bodies = []
    for folder, bones in ((tmp_path / "plain", None), (tmp_path / "rigged", stored(["a", "b"], halves, [-1, -1]))):
        job = Job(folder)
        add(job, cube, bones)
        bodies.append(Articulation(load_asset(job.request(), folder), settings_for("draft", {})))
    assert not bodies[0].rigged and bodies[0].parts.count != 2
    assert bodies[1].rigged and bodies[1].parts.count == bodies[1].skeleton.count == 2
    assert abs(bodies[1].skeleton.joint[1 - bodies[1].skeleton.root][2]) < 0.05


ROW = joined(*(block((0.3, 0.2, 0.2), (x, 0.0, 0.0)) for x in (-0.8, 0.0, 0.8)))
"""Three blocks that touch nothing."""
PLACE = np.repeat(np.eye(3), len(ROW[0]) // 3, axis=0)
"""(V, 3): which of them each vertex is of."""


def rigged(folder: Path, mesh: Mesh, weights: np.ndarray, parent: list[int], head: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Of each bone's part the bone whose part it hangs on (-1 for none and bones that are no part), and its joint in the world."""
    job = Job(folder)
    add(job, mesh, stored([f"Rig/{bone:03}" for bone in range(len(parent))], weights, parent, head))
    asset = load_asset(job.request(), folder)
    body = Articulation(asset, settings_for("draft", {}))
    bones = body.parts.bones
    assert bones is not None
    above, joint = [-1] * len(parent), np.full((len(parent), 3), np.nan)
    for part, bone in enumerate(bones):
        above[bone] = int(bones[body.skeleton.parent[part]]) if part != body.skeleton.root else -1
        joint[bone] = asset.similarity.invert(body.skeleton.joint[part])
    return above, joint


def test_a_part_turns_about_its_bones_head(tmp_path: Path) -> None:
    """Also where the mesh is cut elsewhere, and where the part that hangs on the other is the bone above."""
    right = BAR[0][:, 0] > 0.2
    head = np.array([[-0.5, 0.0, 0.0], [0.03, 0.05, -0.04]])
    above, joint = rigged(tmp_path / "a", BAR, np.stack([~right, right], 1).astype(float), [-1, 0], head)
    assert above == [-1, 0]
    np.testing.assert_allclose(joint[1], head[1], atol=1e-6)
    above, joint = rigged(tmp_path / "b", BAR, np.stack([right, ~right], 1).astype(float), [-1, 0], head)
    assert above == [1, -1], "the root is the heavier part"
    np.testing.assert_allclose(joint[0], head[1], atol=1e-6)


FIGURE = block((0.4, 0.4, 1.0), (0, 0, 0)), block((0.1, 0.1, 0.7), (0.25, 0, 0.15)), block((0.2, 0.2, 0.2), (0.3, 0, -0.3))
"""A trunk, an arm and a hand in a pocket: it touches the hip over more area than the arm."""
FIGURE_WEIGHTS = np.repeat(np.eye(3), [len(vertices) for vertices, _ in FIGURE], axis=0)
FIGURE_HEADS = np.array([[0.0, 0.0, -0.4], [0.25, 0.0, 0.5], [0.25, 0.0, -0.2]])


def test_parts_hang_together_as_their_bones_do(tmp_path: Path) -> None:
    """A hand on the arm, a bag in its place on the hip."""
    above, joint = rigged(tmp_path / "hand", joined(*FIGURE), FIGURE_WEIGHTS, [-1, 0, 1], FIGURE_HEADS)
    assert above == [-1, 0, 1]
    np.testing.assert_allclose(joint[1:], FIGURE_HEADS[1:], atol=1e-6)
    assert rigged(tmp_path / "bag", joined(*FIGURE), FIGURE_WEIGHTS, [-1, 0, 0], FIGURE_HEADS)[0] == [-1, 0, 0]


def test_bones_that_move_nothing_change_nothing(tmp_path: Path) -> None:
    """Hundreds of them, as a face has, where none hangs on another."""
    few = rigged(tmp_path / "few", joined(*FIGURE), FIGURE_WEIGHTS, [-1] * 3, FIGURE_HEADS)
    weights, head = np.hstack([FIGURE_WEIGHTS, np.zeros((len(FIGURE_WEIGHTS), 400))]), np.vstack([FIGURE_HEADS, np.zeros((400, 3))])
    many = rigged(tmp_path / "many", joined(*FIGURE), weights, [-1] * 403, head)
    assert many[0][:3] == few[0]
    np.testing.assert_array_equal(many[1][:3], few[1])


def test_a_bone_that_is_no_part_is_passed_over(tmp_path: Path) -> None:
    """Two of them, between the first and the last."""
    right = BAR[0][:, 0] > 0.2
    weights = np.stack([~right, 0 * right, 0 * right, right], 1).astype(float)
    head = np.array([[-0.5, 0, 0], [-0.2, 0, 0], [-0.1, 0, 0], [0.1, 0.02, 0.03]])
    above, joint = rigged(tmp_path, BAR, weights, [-1, 0, 1, 2], head)
    assert above == [-1, -1, -1, 0]
    np.testing.assert_allclose(joint[3], head[3], atol=1e-6)


def test_shells_that_touch_nothing_are_tied_by_their_bones(tmp_path: Path) -> None:
    """Without a word both ends hang on the middle; here the right one's bone begins at the left one, and hangs on that."""
    head = np.array([[-0.8, 0.0, 0.0], [-0.5, 0.0, 0.05], [-0.6, 0.05, 0.0]])
    assert {*rigged(tmp_path / "a", ROW, PLACE, [-1, -1, -1], head)[0]} == {-1, 1}
    above, joint = rigged(tmp_path / "b", ROW, PLACE, [-1, 0, 0], head)
    assert above == [-1, 0, 0]
    np.testing.assert_allclose(joint[1:], head[1:], atol=1e-6)


@pytest.mark.parametrize("wrong", ["vertex", "weight", "missing", "truncated", "late", "nowhere", "headless"])
def test_broken_bones_are_refused(tmp_path: Path, wrong: str) -> None:
    job = Job(tmp_path)
    bones = stored(["a", "b"], np.ones((8, 2)))
    if wrong == "vertex":
        bones["vertex"][0] = 8
    elif wrong == "weight":
        bones["weight"][0] = np.nan
    elif wrong == "missing":
        del bones["bone"]
    elif wrong == "late":
        bones["parent"] = np.array([1, -1], np.int32)
    elif wrong == "nowhere":
        bones["head"][1, 2] = np.inf
    elif wrong == "headless":
        bones["head"] = bones["head"][:1]
    add(job, box(1, 1, 1), bones)
    if wrong == "truncated":
        path = tmp_path / job.objects[0].bones
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(EngineError, match="bone weights") as caught:
        load_asset(job.request(), tmp_path)
    assert caught.value.code == ("mesh_unreadable" if wrong == "truncated" else "mesh_invalid")


def test_a_job_follows_the_bones_without_a_word(tmp_path: Path) -> None:
    """A note is shown as a warning; that bones say what moves as one is none."""
    shoot, (vertices, _) = Shoot(tmp_path), puppet()
    folder = shoot.job(tmp_path / "job")
    upper = vertices[:, 2] > vertices[:, 2].mean()
    protocol.write_arrays(folder / "input" / "bones.npz", stored(["Rig/low", "Rig/high"], np.stack([~upper, upper], 1).astype(float)))
    request = protocol.read_request(folder)
    rigged = dataclasses.replace(request.objects[0], bones="input/bones.npz")
    protocol.write_json(folder / "request.json", dataclasses.replace(request, objects=(rigged,)))
    result = artist.run(folder, RecordingReporter())
    assert len(protocol.read_arrays(folder / result.poses)["parent"]) == 2
    assert not [note for note in result.notes if "bone" in note.lower() or "weights" in note.lower()]


LEGS = block((0.6, 0.3, 0.3), (0, 0, 0)), block((0.1, 0.14, 0.5), (0, 0.07, -0.4)), block((0.1, 0.14, 0.5), (0, -0.07, -0.4))
"""A trunk and two legs that touch each other over more area than it."""
LEGS_WEIGHTS = np.repeat(np.eye(3), [len(vertices) for vertices, _ in LEGS], axis=0)


def test_a_leg_does_not_hang_on_the_other_one(tmp_path: Path) -> None:
    """Both hang on a bone that moves nothing, and so does the trunk; their names say which are each other's twin."""
    weights = np.hstack([LEGS_WEIGHTS, np.zeros((len(LEGS_WEIGHTS), 1))])
    head = np.array([[-0.3, 0, 0], [0, 0.07, -0.15], [0, -0.07, -0.15], [-0.4, 0, 0]])
    order = [3, 0, 1, 2]
    job = Job(tmp_path)
    add(job, joined(*LEGS), stored(["Rig/root", "Rig/trunk", "Rig/leg.L", "Rig/leg.R"], weights[:, order], [-1, 0, 0, 0], head[order]))
    asset = load_asset(job.request(), tmp_path)
    body = Articulation(asset, settings_for("draft", {}))
    assert asset.rig is not None and body.parts.bones is not None
    part = {asset.rig.names[bone]: number for number, bone in enumerate(body.parts.bones)}
    trunk, left, right = (part[f"Rig/{name}"] for name in ("trunk", "leg.L", "leg.R"))
    assert body.skeleton.root == trunk and body.skeleton.parent[left] == body.skeleton.parent[right] == trunk
    twins = find_twins(body.skeleton)
    assert twins is not None and twins.normal.tolist() == [0, 1, 0] and [twins.other[one] for one in (trunk, left, right)] == [trunk, right, left]


def test_a_foot_that_is_moved_by_itself_goes_with_the_leg(tmp_path: Path) -> None:
    """As inverse kinematics has it: its bone hangs on the trunk's, far from where it begins."""
    mesh = (
        block((0.8, 0.3, 0.3), (0, 0, 0)),
        block((0.12, 0.11, 0.63), (0.2, 0.003, -0.44), 0.05),
        block((0.23, 0.13, 0.1), (0.24, 0.01, -0.79), 0.05),
    )
    weights = np.repeat(np.eye(3), [len(vertices) for vertices, _ in mesh], axis=0)
    head = np.array([[-0.4, 0, 0], [0.2, 0, -0.15], [0.2, 0, -0.75]])
    above, joint = rigged(tmp_path, joined(*mesh), weights, [-1, 0, 0], head)
    assert above == [-1, 0, 1]
    np.testing.assert_allclose(joint[1:], head[1:], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Leg.L", "Leg.R"),
        ("leg_r", "leg_l"),
        ("LeftArm", "RightArm"),
        ("mixamorig:RightHand", "mixamorig:LeftHand"),
        ("L_arm", "R_arm"),
        ("DEF-thigh.R.001", "DEF-thigh.L.001"),
        ("Lower", "Lower"),
        ("Tail1", "Tail1"),
    ],
)
def test_names_tell_the_other_side(name: str, other: str) -> None:
    assert other_side(name) == other


def test_joints_that_the_artist_has_placed_hold_more_than_those_that_the_shape_tells_of(tmp_path: Path) -> None:
    held = []
    for folder, bones in ((tmp_path / "plain", None), (tmp_path / "rigged", stored(["a", "b", "c"], FIGURE_WEIGHTS, [-1, 0, 1], FIGURE_HEADS))):
        job = Job(folder)
        add(job, joined(*FIGURE), bones)
        skeleton = Articulation(load_asset(job.request(), folder), settings_for("draft", {})).skeleton
        firm = firmness(skeleton)
        assert firm[skeleton.root] == 0
        held.append({round(float(one), 3) for part, one in enumerate(firm) if part != skeleton.root})
    assert held == [{1.0}, {FIRM}]

"""Meshes: what is read, what is refused and in which words, how they are normalized and welded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from builders import Job, box, mesh_arrays
from PIL import Image

from align4d import protocol
from align4d.errors import EngineError
from align4d.inputs.asset import load_asset, weld
from align4d.inputs.colors import colors_at


def refuse(job: Job) -> EngineError:
    """The error that loading the job ends in."""
    with pytest.raises(EngineError) as caught:
        load_asset(job.request(), job.folder)
    assert caught.value.message.endswith(".") and caught.value.advice.endswith(".")
    return caught.value


def test_objects_are_normalized_together_and_lead_back_to_the_world(job: Job) -> None:
    left, right = np.eye(4), np.diag([1.0, 1.0, 2.0, 1.0])
    left[:3, 3], right[:3, 3] = (-3, 1, 5), (3, 1, 5)
    job.add(mesh_arrays(*box(2, 2, 2)), left)
    job.add(mesh_arrays(*box(2, 2, 2)), right)
    asset = load_asset(job.request(), job.folder)
    low, high = asset.vertices.min(axis=0), asset.vertices.max(axis=0)
    assert (high - low).max() == pytest.approx(1.0)
    np.testing.assert_allclose(low + high, 0, atol=1e-6)
    second = asset.objects[1]
    world = asset.similarity.invert(asset.bake_points[second.points])
    expected = box(2, 2, 2)[0] * [1, 1, 2] + [3, 1, 5]
    np.testing.assert_allclose(world, expected, atol=1e-5)
    assert asset.triangles[second.triangles].min() == second.vertices.start


def test_normals_stay_perpendicular_and_outwards_under_a_mirroring_shear(job: Job) -> None:
    matrix = np.array([[-1, 0.7, 0, 2], [0, 1.5, 0.3, 0], [0, 0, 3, 1], [0, 0, 0, 1.0]])
    job.add(mesh_arrays(*box(1, 2, 1)), matrix)
    asset = load_asset(job.request(), job.folder)
    corners = asset.vertices[asset.triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    face /= np.linalg.norm(face, axis=1, keepdims=True)
    np.testing.assert_allclose(np.einsum("fc,fkc->fk", face, asset.corner_normal), 1, atol=1e-4)
    assert (np.einsum("fc,fc->f", face, corners.mean(axis=1)) > 0).all()


def test_split_vertices_are_welded_and_shells_counted(job: Job) -> None:
    vertices, triangles = box(1, 1, 1)
    loose = np.concatenate([vertices[triangles].reshape(-1, 3), vertices[triangles].reshape(-1, 3) + [2, 0, 0]])
    loose += np.random.default_rng(0).uniform(-1e-6, 1e-6, loose.shape)
    job.add(mesh_arrays(loose, np.arange(len(loose)).reshape(-1, 3)))
    asset = load_asset(job.request(), job.folder)
    welded = weld(asset)
    assert len(welded.vertices) == 16 and welded.shells == 2
    np.testing.assert_allclose(welded.vertices[welded.index], asset.vertices, atol=2e-5)
    assert len(set(welded.shell[welded.triangles[0]])) == 1


def test_vertices_of_different_objects_are_not_welded(job: Job) -> None:
    job.add(mesh_arrays(*box(1, 1, 1)))
    job.add(mesh_arrays(*box(1, 1, 1)))
    assert weld(load_asset(job.request(), job.folder)).shells == 2


def test_a_non_manifold_mesh_is_fine(job: Job) -> None:
    vertices = np.array([[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, 0]], float)
    job.add(mesh_arrays(vertices, np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4], [0, 0, 1]])))
    asset = load_asset(job.request(), job.folder)
    assert len(asset.triangles) == 4 and weld(asset).shells == 1


def test_two_million_triangles_load_and_weld(job: Job) -> None:
    side = 1000
    grid = np.stack(np.meshgrid(np.arange(side + 1), np.arange(side + 1), [0]), axis=-1).reshape(-1, 3) / side
    corner = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
    triangles = np.concatenate([np.stack([corner, corner + 1, corner + side + 2], 1), np.stack([corner, corner + side + 2, corner + side + 1], 1)])
    arrays = {
        "vertices": grid.astype(np.float32),
        "triangles": triangles.astype(np.int32),
        "material": np.zeros(len(triangles), np.int32),
        "corner_normal": np.broadcast_to(np.float32([0, 0, 1]), (len(triangles), 3, 3)),
        "corner_uv": np.zeros((len(triangles), 3, 2), np.float32),
        "corner_color": np.ones((len(triangles), 3, 4), np.float32),
        "bake_vertices": grid[:100].astype(np.float32),
    }
    job.add(arrays)
    asset = load_asset(job.request(), job.folder)
    assert len(asset.triangles) == 2_000_000 and weld(asset).shells == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            {
                "triangles": np.zeros((0, 3), np.int32),
                "material": np.zeros(0, np.int32),
                "corner_normal": np.zeros((0, 3, 3), np.float32),
                "corner_uv": np.zeros((0, 3, 2), np.float32),
                "corner_color": np.zeros((0, 3, 4), np.float32),
            },
            "mesh_empty",
        ),
        ({"triangles": np.full((12, 3), 99, np.int32)}, "mesh_invalid"),
        ({"triangles": np.full((12, 3), -1, np.int32)}, "mesh_invalid"),
        ({"vertices": np.full((8, 3), np.nan, np.float32)}, "mesh_invalid"),
        ({"vertices": np.zeros((8, 3), np.float64)}, "mesh_invalid"),
        ({"corner_uv": np.zeros((11, 3, 2), np.float32)}, "mesh_invalid"),
        ({"vertices": np.zeros((8, 3), np.float32)}, "mesh_no_area"),
        ({"vertices": np.linspace(0, 1, 8, dtype=np.float32)[:, None].repeat(3, 1)}, "mesh_no_area"),
    ],
)
def test_bad_meshes_are_refused(job: Job, change: dict[str, np.ndarray], code: str) -> None:
    job.add(mesh_arrays(*box(1, 1, 1)) | change)
    error = refuse(job)
    assert error.code == code
    assert "Object 0" in error.message or code == "mesh_no_area"


def test_a_mesh_that_is_missing_broken_or_pickled_is_refused(job: Job) -> None:
    job.add(mesh_arrays(*box(1, 1, 1)))
    path = job.folder / job.objects[0].mesh
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refuse(job).code == "mesh_unreadable"
    np.savez(path, vertices=np.array([{"a": 1}], object))
    assert refuse(job).code == "mesh_unreadable"
    path.unlink()
    assert refuse(job).code == "mesh_missing"


def test_an_object_scaled_to_nothing_is_refused(job: Job) -> None:
    job.add(mesh_arrays(*box(1, 1, 1)), np.diag([1.0, 0.0, 1.0, 1.0]))
    assert refuse(job).code == "matrix_singular"


def test_no_object_is_refused(job: Job) -> None:
    assert refuse(job).code == "mesh_missing"


def test_colors_come_from_each_face_s_own_material(job: Job) -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [0, 1, 3]])
    uv = np.zeros((3, 3, 2), np.float32)
    uv[0] = [3.25, -0.75]  # repeats: the texel at a quarter from the left, a quarter from the bottom
    painted = np.ones((3, 3, 4), np.float32)
    painted[1, :, :3] = np.eye(3)
    materials = (
        protocol.MaterialSpec("texture", image="input/texture.png"),
        protocol.MaterialSpec("attribute"),
        protocol.MaterialSpec("flat", base_color=(0.1, 0.2, 0.3, 1.0)),
    )
    job.add(mesh_arrays(vertices, triangles, corner_uv=uv, corner_color=painted, material=np.arange(3, dtype=np.int32)), materials=materials)
    texels = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8)
    Image.fromarray(texels).save(job.folder / "input" / "texture.png")
    asset = load_asset(job.request(), job.folder)
    weights = np.full((3, 3), [0.5, 0.25, 0.25], np.float32)
    np.testing.assert_allclose(colors_at(asset, np.arange(3), weights), [[0, 0, 1], [0.5, 0.25, 0.25], [0.1, 0.2, 0.3]], atol=1e-6)


def test_a_texture_that_cannot_be_read_is_refused(job: Job) -> None:
    job.add(mesh_arrays(*box(1, 1, 1)), materials=(protocol.MaterialSpec("texture", image="input/none.png"),))
    assert refuse(job).code == "texture_unreadable"


def test_the_texture_lookup_matches_trimesh_on_a_textured_sphere(job: Job, tmp_path: Path) -> None:
    sphere = trimesh.creation.uv_sphere(count=[16, 16])
    uv = np.stack([np.arctan2(sphere.vertices[:, 1], sphere.vertices[:, 0]) / 7 + 0.5, sphere.vertices[:, 2] / 2.2 + 0.5], axis=1)
    picture = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    smooth = Image.fromarray(picture).resize((256, 256), Image.Resampling.BICUBIC)
    job.add(
        mesh_arrays(np.asarray(sphere.vertices), np.asarray(sphere.faces), corner_uv=uv[sphere.faces].astype(np.float32)),
        materials=(protocol.MaterialSpec("texture", image="input/texture.png"),),
    )
    smooth.save(job.folder / "input" / "texture.png")
    asset = load_asset(job.request(), job.folder)
    first_corner = np.tile(np.float32([1, 0, 0]), (len(sphere.faces), 1))
    ours = colors_at(asset, np.arange(len(sphere.faces)), first_corner)
    theirs = trimesh.visual.color.uv_to_interpolated_color(uv[sphere.faces[:, 0]], smooth)[:, :3] / 255
    assert np.abs(ours - theirs).mean() < 0.02  # it puts texel means elsewhere: half a texel apart

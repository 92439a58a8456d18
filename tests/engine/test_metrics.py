"""The figures of a result, against cases whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from align4d_lab.metrics.chamfer import chamfer_figures
from align4d_lab.metrics.mesh_picture import PictureCamera, draw
from align4d_lab.metrics.motion import TrueView, angle_between, camera_figures, longest_side, motion_figures, stretched_edges
from align4d_lab.metrics.pictures import psnr, ssim

from align4d.inputs.asset import Asset, AssetObject, Material, Similarity

FRONT = TrueView(0.0, 0.0, 2.0, 49.1, np.zeros(3))
CUBE = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
EDGES = np.array([[a, b] for a in range(8) for b in range(a) if abs(CUBE[a] - CUBE[b]).sum() == 1])
FACES = np.array([[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]])


def moved(offsets: np.ndarray) -> np.ndarray:
    """The cube moved as a whole by (T, 3)."""
    return CUBE + offsets[:, None]


def test_the_truth_itself_scores_perfectly() -> None:
    true = moved(np.random.default_rng(0).normal(0, 0.1, (6, 3)))
    figures = motion_figures(true, true, CUBE, EDGES, FRONT)
    assert figures.pop("motion_explained") == figures.pop("temporal_jerk") == 1.0
    assert all(value == 0 for value in figures.values())


def test_a_static_mesh_explains_nothing_and_half_the_motion_a_half() -> None:
    true = moved(np.random.default_rng(0).normal(0, 0.1, (6, 3)))
    assert motion_figures(np.broadcast_to(CUBE, true.shape), true, CUBE, EDGES, FRONT)["motion_explained"] == pytest.approx(0)
    assert motion_figures((true + CUBE) / 2, true, CUBE, EDGES, FRONT)["motion_explained"] == pytest.approx(0.5)


def test_no_motion_is_no_number() -> None:
    rest = np.broadcast_to(CUBE, (4, 8, 3))
    figures = motion_figures(rest, rest, CUBE, EDGES, FRONT)
    assert np.isnan(figures["motion_explained"]) and np.isnan(figures["temporal_jerk"])


@pytest.mark.parametrize(("axis", "in_view", "depth"), [(0, 5.0, 0.0), (1, 0.0, 10.0), (2, 5.0, 0.0)])
def test_an_error_counts_along_its_own_axis(axis: int, in_view: float, depth: float) -> None:
    true = moved(np.zeros((4, 3)))
    figures = motion_figures(true + 0.1 * np.eye(3)[axis], true, CUBE, EDGES, FRONT)
    assert figures["vertex_error"] == pytest.approx(10.0)
    assert figures["in_view_error"] == pytest.approx(in_view)  # the mean over the two image axes
    assert figures["depth_error"] == pytest.approx(depth)


def test_errors_are_relative_to_the_longest_side() -> None:
    true = moved(np.zeros((4, 3)))
    small = motion_figures(true + 0.1, true, CUBE, EDGES, FRONT)["vertex_error"]
    assert motion_figures(10 * (true + 0.1), 10 * true, 10 * CUBE, EDGES, FRONT)["vertex_error"] == pytest.approx(small)
    assert longest_side(CUBE * np.array([1, 2, 3])) == pytest.approx(3)


def test_reprojection_is_in_image_heights() -> None:
    point = np.zeros((2, 1, 3))
    aside = point + np.array([2 * np.tan(np.radians(49.1 / 2)), 0, 0])  # the edge of a square frame: half an image height
    assert FRONT.project(aside)[0, 0] == pytest.approx([0.5, 0.0])
    rest = np.broadcast_to(CUBE, (2, 8, 3))
    upwards = np.array([0, 0, 0.01])  # seen from 2 +- 0.5 away
    height = 0.5 / np.tan(np.radians(49.1 / 2)) * 0.01 * (1 / 1.5 + 1 / 2.5) / 2
    assert motion_figures(rest + upwards, rest, CUBE, EDGES, FRONT)["reprojection_error"] == pytest.approx(100 * height)


def test_jerk_compares_third_differences() -> None:
    times = np.arange(8.0)
    true = moved(np.stack([times**3, 0 * times, 0 * times], axis=1) * 1e-3)
    assert motion_figures(CUBE + 2 * (true - CUBE), true, CUBE, EDGES, FRONT)["temporal_jerk"] == pytest.approx(2.0)


def test_edge_stretch_of_a_cube_that_grows() -> None:
    true = moved(np.zeros((3, 3)))
    assert motion_figures(1.25 * true, true, CUBE, EDGES, FRONT)["edge_stretch"] == pytest.approx(0.25)


def test_where_a_motion_stretches() -> None:
    true = moved(np.zeros((3, 3)))
    assert np.isnan(stretched_edges(true, CUBE, EDGES))
    assert stretched_edges(1.25 * true, CUBE, EDGES) == pytest.approx(0.5)
    true[:, 0] *= 2  # a corner is pulled out: its three edges become longer, alike
    assert stretched_edges(true, CUBE, EDGES) == pytest.approx(2 / 12)


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        motion_figures(np.zeros((3, 8, 3)), np.zeros((4, 8, 3)), CUBE, EDGES, FRONT)


def test_the_orbit_convention() -> None:
    right = TrueView(90.0, 0.0, 3.0, 49.1, np.zeros(3)).world_to_camera()
    assert np.linalg.inv(right)[:3, 3] == pytest.approx([3, 0, 0])  # positive azimuth moves the camera to +X
    above = TrueView(0.0, 90.0, 3.0, 49.1, np.array([1.0, 0, 0])).world_to_camera()
    assert np.linalg.inv(above)[:3, 3] == pytest.approx([1, 0, 3])
    assert np.linalg.det(right[:3, :3]) == pytest.approx(1)


def test_a_camera_that_moves_is_judged_frame_by_frame() -> None:
    still = TrueView(20.0, 0.0, 3.0, 49.1, np.zeros(3))
    same = TrueView(20.0, 0.0, 3.0, 49.1, np.zeros(3), np.stack([still.world_to_camera()] * 4))
    true, found = moved(np.zeros((4, 3))), moved(np.random.default_rng(0).normal(0, 0.1, (4, 3)))
    expected = motion_figures(found, true, CUBE, EDGES, still)
    assert motion_figures(found, true, CUBE, EDGES, same) == pytest.approx(expected, nan_ok=True)
    side = TrueView(110.0, 0.0, 3.0, 49.1, np.zeros(3)).world_to_camera()
    turning = TrueView(20.0, 0.0, 3.0, 49.1, np.zeros(3), np.stack([still.world_to_camera(), side, side, side]))
    along = true + 0.1 * still.axes()[0]  # across the first frame's picture, in depth for the others
    assert motion_figures(along, true, CUBE, EDGES, turning)["depth_error"] == pytest.approx(7.5)
    assert turning.turned(90.0).axes() == pytest.approx(side[:3, :3])


def test_depth_is_also_counted_in_units_of_a_still_meshs() -> None:
    true = moved(np.stack([np.zeros(4), np.linspace(0, 0.3, 4), np.zeros(4)], axis=1))
    assert motion_figures((true + CUBE) / 2, true, CUBE, EDGES, FRONT)["depth_ratio"] == pytest.approx(0.5)
    assert np.isnan(motion_figures(CUBE + 0 * true, CUBE + 0 * true, CUBE, EDGES, FRONT)["depth_ratio"])


def test_a_camera_is_judged_by_where_it_stands() -> None:
    perfect = camera_figures(TrueView(20.0, 10.0, 3.0, 49.1, np.zeros(3)), -340.0, 10.0, 3.0)
    assert perfect == pytest.approx(dict.fromkeys(("azimuth_error", "elevation_error", "camera_error", "vaod_error"), 0.0), abs=1e-6)
    high = camera_figures(TrueView(0.0, 60.0, 2.0, 49.1, np.zeros(3)), 10.0, 60.0, 2.2)
    assert high["azimuth_error"] == pytest.approx(10) and high["vaod_error"] == pytest.approx(0.1)
    assert high["camera_error"] == pytest.approx(5.0, abs=0.02)  # high up an azimuth turns it less
    apart = [TrueView(azimuth, 0.0, 2.0, 49.1, np.zeros(3)).world_to_camera() for azimuth in (0.0, 20.0)]
    assert camera_figures(TrueView(0.0, 0.0, 2.0, 49.1, np.zeros(3), np.stack(apart)), 10.0, 0.0, 2.0)["camera_error"] == pytest.approx(0, abs=1e-6)


def test_angles_wrap() -> None:
    assert angle_between(-179.0, 179.0) == pytest.approx(2.0)
    assert angle_between(10.0, 350.0) == pytest.approx(20.0)


def test_chamfer_sees_where_shape_and_motion_differ() -> None:
    true = moved(np.stack([np.linspace(0, 0.4, 4), np.zeros(4), np.zeros(4)], axis=1)).astype(np.float32)
    same = chamfer_figures(true, true, FACES)
    static = chamfer_figures(np.broadcast_to(true[0], true.shape), true, FACES)
    assert same["cd_3d"] == pytest.approx(same["cd_4d"], abs=2e-3) and same["cd_4d"] < 0.03
    assert static["cd_3d"] < 0.05  # the shape is the same, so the alignment takes the motion away
    assert static["cd_4d"] > 0.1
    assert static["cd_m"] == pytest.approx(2 * 0.2, abs=0.03)  # both directions, 0.2 on average


def test_picture_figures() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert psnr(picture, picture) == float("inf")
    assert ssim(picture, picture) == pytest.approx(1)
    assert psnr(np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)) == pytest.approx(0)
    assert ssim(picture, 255 - picture) < 0


def cube_asset() -> Asset:
    """A red cube whose top is blue."""
    count = len(FACES)
    top = (CUBE[FACES][:, :, 2] > 0).all(axis=1)
    color = np.where(top[:, None, None], [0.0, 0, 1, 1], [1.0, 0, 0, 1]).repeat(3, axis=1).astype(np.float32)
    return Asset(
        vertices=CUBE.astype(np.float32),
        triangles=FACES.astype(np.int32),
        material=np.zeros(count, np.int32),
        corner_normal=np.zeros((count, 3, 3), np.float32),
        corner_uv=np.zeros((count, 3, 2), np.float32),
        corner_color=color,
        bake_points=CUBE.astype(np.float32),
        materials=(Material("attribute", np.zeros(3, np.float32), None),),
        objects=(AssetObject("a", "Cube", np.eye(4), slice(0, 8), slice(0, count), slice(0, 8)),),
        similarity=Similarity(np.zeros(3), 1.0),
    )


def test_a_picture_shows_the_near_side_in_its_place() -> None:
    asset = cube_asset()
    front = draw(asset, CUBE, PictureCamera(FRONT.world_to_camera(), 49.1, (64, 48)))
    assert front.shape == (48, 64, 3)
    assert front[24, 32].tolist() == [255, 0, 0] and front[0, 0].tolist() == [255, 255, 255]
    height = (front[:, 32] != 255).any(axis=1).sum()
    assert height == pytest.approx(48 * 0.5 / 1.5 / np.tan(np.radians(49.1 / 2)), abs=1.5)  # the front face is 1.5 away
    above = TrueView(0.0, 89.9, 2.0, 49.1, np.zeros(3))
    assert draw(asset, CUBE, PictureCamera(above.world_to_camera(), 49.1, (64, 64)))[32, 32].tolist() == [0, 0, 255]


def test_what_lies_behind_the_camera_is_not_drawn() -> None:
    behind = TrueView(0.0, 0.0, -2.0, 49.1, np.zeros(3))
    assert (draw(cube_asset(), CUBE, PictureCamera(behind.world_to_camera(), 49.1, (32, 32))) == 255).all()

"""The deformation field: starts as nothing, learns through all of its planes, and is the same however it is asked."""

from __future__ import annotations

import torch

from align4d.motion.hexplane import HexPlaneField, HexPlaneSettings

SMALL = HexPlaneSettings(resolution=8, channels=6, width=16)
FRAMES = 5


def field(settings: HexPlaneSettings = SMALL, seed: int = 0, shaken: bool = False) -> HexPlaneField:
    """A field; `shaken`: with weights that are not those of a new one."""
    made = HexPlaneField(FRAMES, settings, torch.Generator().manual_seed(seed))
    if shaken:
        generator = torch.Generator().manual_seed(seed + 1)
        with torch.no_grad():
            for parameter in made.parameters():
                parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return made


def points(count: int = 40) -> torch.Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(7)) - 0.5


def test_a_new_field_is_exactly_the_rest_pose() -> None:
    for seed in range(3):
        offsets = field(seed=seed)(points(), torch.linspace(0, 1, FRAMES))
        assert [tuple(one.shape) for one in offsets] == [(FRAMES, 40, 3), (FRAMES, 40, 3), (FRAMES, 40, 4)]
        assert all((one == 0).all() for one in offsets)


def test_the_same_seed_is_the_same_field() -> None:
    one, two, other = field(seed=3), field(seed=3), field(seed=4)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert not torch.equal(one.spatial, other.spatial)


def test_the_centers_alone_are_those_of_the_whole() -> None:
    made, frames = field(shaken=True), torch.tensor([3, 0])
    assert torch.equal(made.centers_at(points(), frames), made.at_frames(points(), frames).center)


def test_every_plane_and_layer_learns() -> None:
    """A new field's last layers learn first; after one step all else does."""
    made = field()
    optimizer = torch.optim.Adam([*made.grid_parameters(), *made.network_parameters()], lr=3e-2)
    assert len(optimizer.param_groups[0]["params"]) == len(list(made.parameters()))
    times = torch.linspace(0, 1, FRAMES)
    wave = torch.sin(4 * points()[None, :, :1] + 5 * times[:, None, None])
    target = [wave * torch.linspace(-1, 1, width) for width in (3, 3, 4)]
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = torch.stack([((one - wanted) ** 2).mean() for one, wanted in zip(made(points(), times), target, strict=True)]).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert all((plane.grad.abs().sum(dim=(1, 2, 3)) > 0).all() for plane in (made.spatial, made.temporal) if plane.grad is not None)
    assert losses[-1] < 0.5 * losses[0]


def test_many_frames_at_once_are_the_frames_one_by_one() -> None:
    made, times = field(shaken=True), torch.tensor([0.0, 0.13, 0.5, 1.0])
    together = made(points(), times)
    assert together.center.abs().max() > 0.01
    for index in range(len(times)):
        for all_frames, one in zip(together, made(points(), times[index : index + 1]), strict=True):
            torch.testing.assert_close(all_frames[index], one[0], rtol=0, atol=1e-6)


def test_time_is_interpolated_between_its_cells() -> None:
    """The features, before the MLP, lie on the line between two cells where one time plane changes."""
    made = field()
    with torch.no_grad():
        made.temporal[0] = torch.arange(FRAMES, dtype=torch.float32)[None, :, None]
        at = [made._features(points(), torch.tensor([cell / (FRAMES - 1)])) for cell in (1.0, 1.25, 2.0, 4.0)]
    torch.testing.assert_close(at[1], 0.75 * at[0] + 0.25 * at[2])
    torch.testing.assert_close(at[3], 4 * at[0])


def test_a_frame_s_cell_moves_that_frame_only() -> None:
    made, times = field(shaken=True), torch.linspace(0, 1, FRAMES)
    before = made(points(), times).center
    with torch.no_grad():
        made.temporal[:, :, 2] += 0.5
    changed = (made(points(), times).center - before).abs().amax(dim=(1, 2))
    assert (changed[[0, 1, 3, 4]] < 1e-7).all() and changed[2] > 1e-3


def test_the_planes_are_looked_up_where_the_points_are() -> None:
    """A plane that holds x itself gives x; one that holds 1 changes nothing."""
    made = field()
    axis = torch.linspace(-1.6, 1.6, SMALL.resolution)
    with torch.no_grad():
        made.spatial[:] = 1
        made.spatial[0] = axis  # the plane (x, y): x runs along its columns
        by_column = made._features(points(), torch.tensor([0.3]))
        made.spatial[0] = axis[:, None]
        by_row = made._features(points(), torch.tensor([0.3]))
        made.spatial[0] = 1
        made.temporal[2] = axis
        by_time_plane = made._features(points(), torch.tensor([0.3]))
    for found, column in ((by_column, 0), (by_row, 1), (by_time_plane, 2)):
        torch.testing.assert_close(found[0], points()[:, column : column + 1].expand(-1, SMALL.channels), rtol=0, atol=1e-5)


def test_points_outside_its_bounds_take_the_nearest_value() -> None:
    made = field(shaken=True)
    far = made(torch.tensor([[9.0, -9.0, 0.2]]), torch.tensor([0.4]))
    edge = made(torch.tensor([[1.6, -1.6, 0.2]]), torch.tensor([0.4]))
    torch.testing.assert_close(far.center, edge.center)

"""What a job folder holds of the artist's scene: geometry, the colors that each kind of material shows, several objects, large meshes."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest
from scenes import add_armature, add_mesh, evaluated, local, names, new_material, place, select, use_video

from align4d import protocol

ORANGE = (0.8, 0.3, 0.05)
"""A linear color."""


def srgb(linear: object) -> np.ndarray:
    """IEC 61966-2-1, written out once more: the product's own is what is tested."""
    values = np.clip(np.asarray(linear, float), 0, 1)
    return np.array([12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055 for v in values.ravel()]).reshape(values.shape)


def capture(blender: ModuleType, folder: Path) -> tuple[protocol.Request, Path]:
    """The request that the current scene gives; checks that nothing of the scene has changed."""
    use_video(folder / "video")
    scene = bpy.context.scene
    before = names(), scene.render.engine, [item.select_get() for item in scene.objects], bpy.context.active_object
    blender.align4d_blender.capture.capture.capture(bpy.context, "job", folder / "job", "cpu")
    assert before == (names(), scene.render.engine, [item.select_get() for item in scene.objects], bpy.context.active_object)
    return protocol.read_request(folder / "job"), folder / "job"


def arrays_of(request: protocol.Request, folder: Path, index: int = 0) -> dict[str, np.ndarray]:
    """The arrays of one object; checks their types and shapes against the protocol."""
    arrays = protocol.read_arrays(folder / request.objects[index].mesh)
    assert {name: array.dtype for name, array in arrays.items()} == {name: dtype for name, (dtype, _) in protocol.MESH_ARRAYS.items()}
    check_shapes(arrays, {name: shape for name, (_, shape) in protocol.MESH_ARRAYS.items()})
    return arrays


def check_shapes(arrays: dict[str, np.ndarray], shapes: dict[str, tuple[int | str, ...]]) -> None:
    """A letter stands for the same size everywhere."""
    sizes: dict[object, int] = {}
    for name, shape in shapes.items():
        assert arrays[name].ndim == len(shape)
        for wanted, found in zip(shape, arrays[name].shape, strict=True):
            assert sizes.setdefault(wanted, found) == found if isinstance(wanted, str) else wanted == found


def principled(material: bpy.types.Material) -> bpy.types.Node:
    return material.node_tree.nodes["Principled BSDF"]


def link(material: bpy.types.Material, node: str, output: str = "Color") -> bpy.types.Node:
    """A new node that feeds the base color."""
    added = material.node_tree.nodes.new(node)
    material.node_tree.links.new(added.outputs[output], principled(material).inputs["Base Color"])
    return added


def shown(request: protocol.Request, folder: Path, index: int = 0) -> np.ndarray:
    """sRGB (F, 3) at the middle of every triangle, as the engine would look it up."""
    arrays = arrays_of(request, folder, index)
    colors = np.empty((len(arrays["triangles"]), 3))
    for number, spec in enumerate(request.objects[index].materials):
        where = arrays["material"] == number
        if spec.kind == "flat":
            colors[where] = spec.base_color[:3]
        elif spec.kind == "attribute":
            colors[where] = arrays["corner_color"][where].mean(1)[:, :3]
        else:
            picture = read_image(folder / spec.image)
            u, v = (arrays["corner_uv"][where].mean(1) % 1).T
            colors[where] = picture[(v * len(picture)).astype(int), (u * picture.shape[1]).astype(int), :3]
    return colors


def read_image(path: Path) -> np.ndarray:
    """The values (H, W, 4) of a PNG as they are written, bottom row first."""
    image = bpy.data.images.load(str(path))
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(height, width, 4)


def centers(request: protocol.Request, folder: Path) -> np.ndarray:
    arrays = arrays_of(request, folder)
    return arrays["vertices"][arrays["triangles"]].mean(1)


def test_geometry(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    place(item)
    request, folder = capture(blender, tmp_path)
    arrays = arrays_of(request, folder)
    np.testing.assert_array_equal(arrays["vertices"], local(item))
    np.testing.assert_array_equal(arrays["bake_vertices"], local(item))
    assert len(arrays["triangles"]) == len(item.data.polygons)
    np.testing.assert_allclose(request.objects[0].matrix_world, np.array(item.matrix_world), atol=1e-6)
    assert request.objects[0].name == "Mesh" and request.device == "cpu" and request.preset == "artist"


def test_evaluated_mesh_and_own_vertices(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    add_armature(item)
    posed = evaluated(item)
    item.modifiers.new("Subdivision", "SUBSURF").levels = 1
    request, folder = capture(blender, tmp_path)
    arrays = arrays_of(request, folder)
    np.testing.assert_array_equal(arrays["vertices"], evaluated(item))
    np.testing.assert_allclose(arrays["bake_vertices"], posed, atol=1e-6)
    assert len(arrays["bake_vertices"]) == len(item.data.vertices) < len(arrays["vertices"])


def test_normals_are_those_that_are_shown(blender: ModuleType, tmp_path: Path) -> None:
    flat, smooth, custom = add_mesh("Flat"), add_mesh("Smooth"), add_mesh("Custom")
    smooth.data.shade_smooth()
    custom.data.shade_smooth()
    custom.data.normals_split_custom_set_from_vertices([(0, 0, 1)] * len(custom.data.vertices))
    flat.data.shade_flat()
    select(flat, smooth, custom)
    request, folder = capture(blender, tmp_path)
    normals = {spec.name: arrays_of(request, folder, index)["corner_normal"] for index, spec in enumerate(request.objects)}
    assert np.ptp(normals["Flat"], axis=1).max() < 1e-5
    assert np.ptp(normals["Smooth"], axis=1).max() > 0.1
    np.testing.assert_allclose(normals["Custom"], np.broadcast_to([0, 0, 1], normals["Custom"].shape), atol=1e-3)


def test_no_material_is_blenders_gray(blender: ModuleType, tmp_path: Path) -> None:
    add_mesh()
    request, folder = capture(blender, tmp_path)
    np.testing.assert_allclose(shown(request, folder), srgb(0.8), atol=1e-6)


def test_flat_colors_by_slot(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    principled(new_material(item)).inputs["Base Color"].default_value = (*ORANGE, 1)
    principled(new_material(item)).inputs["Base Color"].default_value = (0, 1, 0, 1)
    item.data.polygons[5].material_index = 1
    request, folder = capture(blender, tmp_path)
    colors = shown(request, folder)
    np.testing.assert_allclose(colors[4], srgb(ORANGE), atol=1e-6)
    np.testing.assert_allclose(colors[5], (0, 1, 0), atol=1e-6)


def test_material_on_the_object_counts(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    new_material(item)
    own = bpy.data.materials.new("Own")
    if bpy.app.version < (5, 0, 0):
        own.use_nodes = True
    own.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*ORANGE, 1)
    item.material_slots[0].link = "OBJECT"
    item.material_slots[0].material = own
    request, folder = capture(blender, tmp_path)
    np.testing.assert_allclose(shown(request, folder), np.broadcast_to(srgb(ORANGE), (len(item.data.polygons), 3)), atol=1e-6)


def gradient(width: int = 8, height: int = 4, **options: bool) -> tuple[bpy.types.Image, np.ndarray]:
    """An image, and its pixels (H, W, 4), bottom row first."""
    image = bpy.data.images.new("gradient", width, height, **options)
    pixels = np.random.default_rng(3).random((height, width, 4)).astype(np.float32)
    pixels[..., 3] = 1
    image.pixels.foreach_set(pixels.ravel())
    return image, pixels


@pytest.mark.parametrize("kind", ["byte", "packed", "float", "non-color", "file"])
def test_image_texture(blender: ModuleType, tmp_path: Path, kind: str) -> None:
    item = add_mesh()
    image, pixels = gradient(float_buffer=kind == "float")
    if kind == "packed":
        image.pack()
    if kind == "file":
        image.save(filepath=str(tmp_path / "skin.png"))
        image = bpy.data.images.load(str(tmp_path / "skin.png"))
    if kind == "non-color":
        image.colorspace_settings.name = "Non-Color"
        image.pixels.foreach_set(pixels.ravel())
    link(new_material(item), "ShaderNodeTexImage").image = image
    request, folder = capture(blender, tmp_path)
    assert request.objects[0].materials[0].kind == "texture"
    written = read_image(folder / request.objects[0].materials[0].image)
    stored = pixels if kind == "float" else np.rint(pixels * 255) / 255
    wanted = srgb(stored[..., :3]) if kind in {"float", "non-color"} else stored[..., :3]
    np.testing.assert_allclose(written[..., :3], wanted, atol=0.0045)
    uv = np.empty(len(item.data.loops) * 2, np.float32)
    item.data.uv_layers[0].uv.foreach_get("vector", uv)
    np.testing.assert_array_equal(arrays_of(request, folder)["corner_uv"].reshape(-1, 2), uv.reshape(-1, 2))


def test_uv_map_node_chooses_the_layer(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    second = item.data.uv_layers.new(name="Second")
    second.uv.foreach_set("vector", np.full(len(item.data.loops) * 2, 0.25, np.float32))
    material = new_material(item)
    node = link(material, "ShaderNodeTexImage")
    node.image = gradient()[0]
    choice = material.node_tree.nodes.new("ShaderNodeUVMap")
    choice.uv_map = "Second"
    material.node_tree.links.new(choice.outputs["UV"], node.inputs["Vector"])
    request, folder = capture(blender, tmp_path)
    assert (arrays_of(request, folder)["corner_uv"] == 0.25).all()


@pytest.mark.parametrize("domain", ["POINT", "CORNER"])
@pytest.mark.parametrize("kind", ["FLOAT_COLOR", "BYTE_COLOR"])
@pytest.mark.parametrize("node", ["ShaderNodeVertexColor", "ShaderNodeAttribute"])
def test_color_attribute(blender: ModuleType, tmp_path: Path, domain: str, kind: str, node: str) -> None:
    item = add_mesh()
    attribute = item.data.color_attributes.new("Col", kind, domain)
    linear = np.random.default_rng(5).random((len(attribute.data), 4)).astype(np.float32)
    attribute.data.foreach_set("color", linear.ravel())
    reader = link(new_material(item), node)
    setattr(reader, "layer_name" if node == "ShaderNodeVertexColor" else "attribute_name", "Col")
    request, folder = capture(blender, tmp_path)
    arrays = arrays_of(request, folder)
    wanted = srgb(linear[:, :3])
    if domain == "POINT":
        wanted = wanted[arrays["triangles"]]
    np.testing.assert_allclose(arrays["corner_color"][..., :3], wanted.reshape(-1, 3, 3), atol=0.003)


def test_colors_reach_through_modifiers(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    item.data.color_attributes.new("Col", "FLOAT_COLOR", "POINT").data.foreach_set("color", np.tile((*ORANGE, 1), len(item.data.vertices)))
    link(new_material(item), "ShaderNodeVertexColor").layer_name = "Col"
    link(new_material(item), "ShaderNodeTexImage").image = bpy.data.images.new("skin", 8, 8)
    item.data.polygons[0].material_index = 1
    item.modifiers.new("Subdivision", "SUBSURF").levels = 1
    add_armature(item)
    request, folder = capture(blender, tmp_path)
    arrays = arrays_of(request, folder)
    painted = arrays["material"] == 0
    np.testing.assert_allclose(shown(request, folder)[painted], np.broadcast_to(srgb(ORANGE), (painted.sum(), 3)), atol=1e-5)
    assert np.ptp(arrays["corner_uv"][~painted], axis=(0, 1)).min() > 0.01


def test_an_unlit_material_of_gltf_is_its_image(blender: ModuleType, tmp_path: Path) -> None:
    """Camera rays meet an emission, all others nothing: what Blender's glTF importer makes of unlit. No baking is needed to see that."""
    item = add_mesh()
    tree = new_material(item).node_tree
    picture, glow, nothing, ray, mix = (
        tree.nodes.new(f"ShaderNode{name}") for name in ("TexImage", "Emission", "BsdfTransparent", "LightPath", "MixShader")
    )
    picture.image = gradient(float_buffer=False)[0]
    tree.links.new(picture.outputs["Color"], glow.inputs["Color"])
    tree.links.new(ray.outputs["Is Camera Ray"], mix.inputs[0])
    tree.links.new(nothing.outputs[0], mix.inputs[1])
    tree.links.new(glow.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], tree.get_output_node("ALL").inputs["Surface"])
    request, _ = capture(blender, tmp_path)
    assert request.objects[0].materials[0].kind == "texture"


def test_procedural_texture_is_baked(blender: ModuleType, tmp_path: Path) -> None:
    """Red where the local x is positive, blue elsewhere: a tree of maths on generated coordinates."""
    item = add_mesh(subdivisions=4)
    place(item)
    material = new_material(item)
    tree = material.node_tree
    position, split, compare = (tree.nodes.new(f"ShaderNode{name}") for name in ("TexCoord", "SeparateXYZ", "Math"))
    compare.operation, compare.inputs[1].default_value = "GREATER_THAN", 0.0
    mix = link(material, "ShaderNodeMixRGB")
    mix.inputs["Color1"].default_value, mix.inputs["Color2"].default_value = (0, 0, 0.5, 1), (0.5, 0, 0, 1)
    tree.links.new(position.outputs["Object"], split.inputs[0])
    tree.links.new(split.outputs["X"], compare.inputs[0])
    tree.links.new(compare.outputs[0], mix.inputs["Fac"])
    request, folder = capture(blender, tmp_path)
    colors, x = shown(request, folder), centers(request, folder)[:, 0]
    clear = np.abs(x) > 0.1
    wanted = np.where((x > 0)[:, None], srgb((0.5, 0, 0)), srgb((0, 0, 0.5)))
    np.testing.assert_allclose(colors[clear], wanted[clear], atol=0.01)


def test_shader_group_and_mix_are_baked(blender: ModuleType, tmp_path: Path) -> None:
    """A group that holds a Principled shader, mixed half and half with a diffuse one; beside it a plain slot that is not baked."""
    item = add_mesh()
    tree = new_material(item).node_tree
    principled(new_material(item)).inputs["Base Color"].default_value = (0, 1, 0, 1)
    item.data.polygons[3].material_index = 1
    group = bpy.data.node_groups.new("Skin", "ShaderNodeTree")
    group.interface.new_socket("Shader", in_out="OUTPUT", socket_type="NodeSocketShader")
    inner, end = group.nodes.new("ShaderNodeBsdfPrincipled"), group.nodes.new("NodeGroupOutput")
    inner.inputs["Base Color"].default_value = (*ORANGE, 1)
    group.links.new(inner.outputs[0], end.inputs[0])
    user, diffuse, mix = (tree.nodes.new(f"ShaderNode{name}") for name in ("Group", "BsdfDiffuse", "MixShader"))
    user.node_tree = group
    diffuse.inputs["Color"].default_value = (0, 0, 0.6, 1)
    tree.links.new(user.outputs[0], mix.inputs[1])
    tree.links.new(diffuse.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], tree.get_output_node("ALL").inputs["Surface"])
    request, folder = capture(blender, tmp_path)
    assert [spec.kind for spec in request.objects[0].materials] == ["texture", "flat"]
    colors = shown(request, folder)
    np.testing.assert_allclose(colors[3], (0, 1, 0), atol=1e-6)
    wanted = srgb((np.array(ORANGE) + np.array((0, 0, 0.6))) / 2)
    np.testing.assert_allclose(np.delete(colors, 3, 0), np.broadcast_to(wanted, (len(colors) - 1, 3)), atol=0.01)


def test_earlier_result_is_not_captured(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh()
    use_video(tmp_path / "video")
    bpy.ops.align4d.generate()
    bpy.context.scene.frame_set(9)
    assert np.abs(evaluated(item) - local(item)).max() > 0.1
    request, folder = capture(blender, tmp_path / "again")
    np.testing.assert_array_equal(arrays_of(request, folder)["vertices"], local(item))


def test_large_mesh_is_captured_quickly(blender: ModuleType, tmp_path: Path) -> None:
    item = add_mesh(subdivisions=8)  # 328 thousand triangles
    began = time.monotonic()
    request, folder = capture(blender, tmp_path)
    assert time.monotonic() - began < 10
    assert len(arrays_of(request, folder)["triangles"]) == len(item.data.polygons) > 300_000

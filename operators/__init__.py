"""What the buttons do; each calls `align4d_blender`.

What a button needs is imported where it is pressed: Blender starts sooner so.
"""

from __future__ import annotations

from . import (
    bake_shape_keys,
    batch,
    certainty,
    check_clip,
    compare,
    draw_box,
    engine,
    exports,
    files,
    first_frame,
    gaussians,
    generate,
    hand,
    jobs,
    keyframes,
    match_first_frame,
    models,
    presets,
    receive_keyframes,
    remove_result,
    select,
    set_range,
    telling,
    use_inputs,
    use_video,
    variations,
)

CLASSES = (
    *generate.CLASSES,
    *jobs.CLASSES,
    *batch.CLASSES,
    *use_video.CLASSES,
    *use_inputs.CLASSES,
    *check_clip.CLASSES,
    *draw_box.CLASSES,
    *first_frame.CLASSES,
    *select.CLASSES,
    *presets.CLASSES,
    *set_range.CLASSES,
    *compare.CLASSES,
    *bake_shape_keys.CLASSES,
    *keyframes.CLASSES,
    *match_first_frame.CLASSES,
    *receive_keyframes.CLASSES,
    *hand.CLASSES,
    *variations.CLASSES,
    *certainty.CLASSES,
    *remove_result.CLASSES,
    *files.CLASSES,
    *gaussians.CLASSES,
    *exports.CLASSES,
    *engine.CLASSES,
    *models.CLASSES,
    *telling.CLASSES,
)

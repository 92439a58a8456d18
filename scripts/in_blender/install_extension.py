"""Installs and enables an extension's zip, chooses the engine's interpreter, and saves the preferences.

Runs inside Blender; arguments: ZIP ENGINE_PYTHON.
"""

from __future__ import annotations

import sys

import bpy


def main(zip_file: str, engine_python: str) -> None:
    module = "bl_ext.user_default.align4d"
    bpy.ops.extensions.package_install_files(filepath=zip_file, repo="user_default", enable_on_install=True)
    addon: bpy.types.Addon | None = bpy.context.preferences.addons.get(module)
    if addon is None or addon.preferences is None:
        sys.exit(f"{module} was not enabled; Blender's messages above say why.")
    addon.preferences.engine_python = engine_python
    bpy.ops.wm.save_userpref()
    print(f"{module} is installed and enabled.")


if __name__ == "__main__":
    main(*(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]))

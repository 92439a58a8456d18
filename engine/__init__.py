"""The folder of the engine inside the Blender extension; Blender imports only `align4d.protocol` from it."""

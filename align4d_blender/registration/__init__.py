"""What Blender is told of, besides buttons and panels: the properties of scenes and objects, and what it calls by itself."""

"""Cutting an object out of any background without a network: by a box around it in the first frame, by its colors, by what the moving
camera and the moving object reveal of the background, and by the outline of the mesh where that is known.
"""

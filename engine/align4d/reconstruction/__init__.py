"""From one picture of an object to a closed, textured surface: what the embedded image-to-3D generator is made of."""

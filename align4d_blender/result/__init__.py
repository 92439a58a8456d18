"""Result -> scene: point caches, cameras and what else an object plays, and how it is taken off again."""

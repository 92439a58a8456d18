"""What goes into a job: the reference video, its masks, the artist's meshes and their colours."""

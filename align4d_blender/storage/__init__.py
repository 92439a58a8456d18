"""Where the files of jobs lie, which objects of the .blend use them, and how they follow the .blend."""

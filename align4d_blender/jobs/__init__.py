"""The queue of jobs, their records, and how they go on after a break."""

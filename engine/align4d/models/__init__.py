"""Files of generative models: what is on this computer, how they are fetched, loaded and placed."""

"""Published models on disk and in memory: their folders, found and checked before anything is loaded; what they take; where they lie."""

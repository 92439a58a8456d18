"""The paper's modules in the hands of other 4D methods."""

"""How good a model's pictures are: fidelity, diversity, how they follow their maps, and whether they are remembered."""

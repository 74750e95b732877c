"""Checkpoints of the research code (github.com/WeilunWang/semantic-diffusion-model) -> Spadework models."""

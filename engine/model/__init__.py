"""The network of the Semantic Diffusion Model (Wang 2022, arXiv 2207.00050) on ADM (arXiv 2105.05233)."""
